import { type Folder, pathParts } from '../machine/folder.ts';

/** Files in memory. */
export function simFolder(): Folder {
  const files = new Map<string, Uint8Array>();
  const name = (path: string) => pathParts(path).join('/');
  return {
    exists: async (path) => {
      const file = name(path);
      return file === '' || files.has(file) || [...files.keys()].some((other) => other.startsWith(`${file}/`));
    },
    readText: async (path) => {
      const bytes = files.get(name(path));
      return bytes && new TextDecoder().decode(bytes);
    },
    readBytes: async (path) => files.get(name(path))?.slice(),
    list: async (path = '') => {
      const prefix = path === '' ? '' : `${name(path)}/`;
      const below = [...files.keys()]
        .filter((file) => file.startsWith(prefix))
        .map((file) => file.slice(prefix.length));
      return below.filter((file) => !file.includes('/')).sort();
    },
    write: async (path, content) => {
      files.set(name(path), typeof content === 'string' ? new TextEncoder().encode(content) : content.slice());
    },
  };
}
