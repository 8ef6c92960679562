import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * A folder and those above it that are not there yet. Node's own `recursive` does not end where the system says that there is
 * no such place in a folder that is there, as /proc does (nodejs/node, Linux); here that is an error as any other.
 *
 * @param mode of what is made
 * @returns the topmost folder that was made; undefined where all were there
 */
export async function makeFolder(folder: string, mode?: number): Promise<string | undefined> {
  if (await isFolder(folder)) return undefined;
  const above = dirname(folder);
  const first = above === folder ? undefined : await makeFolder(above, mode);
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    // Another process made it meanwhile.
    if (!(await isFolder(folder))) throw error;
  }
  return first ?? folder;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
