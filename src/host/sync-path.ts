import { open } from 'node:fs/promises';

/**
 * Puts on the disk what stands in a file; of a folder, the names in it: a file that is new, renamed or removed is so on the disk
 * only then. Throws what the disk says.
 */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
