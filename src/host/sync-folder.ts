import { open } from 'node:fs/promises';

/** A new, renamed or removed file's name is on the disk only when its folder is. Throws what the disk says. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
