/**
 * One folder and what is below it. Paths are relative, parts divided by `/`; a path that leads out of the folder is a
 * RangeError. Rejects with OdecetError store-full or store-io.
 */
export interface Folder {
  exists(path: string): Promise<boolean>;
  /** UTF-8; undefined when there is no such file. */
  readText(path: string): Promise<string | undefined>;
  readBytes(path: string): Promise<Uint8Array | undefined>;
  /** Names of the files in a sub-folder (default: the folder itself), sorted; none when it does not exist. */
  list(path?: string): Promise<string[]>;
  /**
   * Writes a whole file and the folders it needs: afterwards, also after a power cut, there is the old content or the new,
   * never a part; resolves when the new one is on the disk.
   */
  write(path: string, content: string | Uint8Array): Promise<void>;
}

/** The parts of a path inside a folder; `''` is the folder itself. Throws RangeError when it would lead out. */
export function pathParts(path: string): string[] {
  if (path === '') return [];
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\\0]/.test(part)))
    throw new RangeError(`not a path inside the folder: "${path}"`);
  return parts;
}
