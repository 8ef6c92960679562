import { randomUUID } from 'node:crypto';
import { access, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Folder, pathParts } from '../machine/folder.ts';
import { diskFault } from './disk-fault.ts';
import { makeFolder } from './make-folder.ts';
import { syncPath } from './sync-path.ts';

/** Half-written files bear this ending; a crash may leave one behind, nobody reads it. */
const UNFINISHED = '.unfinished';

export function hostFolder(root: string): Folder {
  const place = (path: string) => join(root, ...pathParts(path));
  const readBytes = async (path: string): Promise<Uint8Array | undefined> => {
    const file = place(path);
    return unlessMissing(file, async () => new Uint8Array(await readFile(file)), undefined);
  };
  return {
    readBytes,
    readText: async (path) => {
      const bytes = await readBytes(path);
      return bytes && new TextDecoder().decode(bytes);
    },
    exists: async (path) => {
      const file = place(path);
      return unlessMissing(file, () => access(file).then(() => true), false);
    },
    list: async (path = '') => {
      const folder = place(path);
      const entries = await unlessMissing(folder, () => readdir(folder, { withFileTypes: true }), []);
      const files = entries.filter((entry) => entry.isFile() && !entry.name.endsWith(UNFINISHED));
      return files.map((entry) => entry.name).sort();
    },
    write: async (path, content) => {
      const file = place(path);
      try {
        await writeWhole(file, content);
      } catch (error) {
        throw diskFault(file, error);
      }
    },
  };
}

/** Content first, then the name, then the folder that holds the name: the order in which a power cut may come. */
async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const folder = dirname(file);
  const firstMade = await makeFolder(folder);
  const unfinished = `${file}.${randomUUID()}${UNFINISHED}`;
  try {
    await syncedWrite(unfinished, content);
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  await syncPath(folder);
  if (firstMade !== undefined) await syncNewFolders(dirname(firstMade), folder);
}

async function syncedWrite(file: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A new folder is on the disk when the one above it says so. */
async function syncNewFolders(top: string, folder: string): Promise<void> {
  for (let each = folder; each !== top; each = dirname(each)) await syncPath(dirname(each));
}

async function unlessMissing<T>(path: string, work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return otherwise;
    throw diskFault(path, error);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
