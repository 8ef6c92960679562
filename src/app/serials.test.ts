import { expect, it } from 'vitest';
import type { Folder } from '../machine/folder.ts';
import { readSerials } from './serials.ts';

function memoryFolder(files: Map<string, string>): Folder {
  return {
    exists: async (path) => files.has(path),
    readText: async (path) => files.get(path),
    readBytes: async () => undefined,
    list: async () => [...files.keys()],
    write: async (path, content) => void files.set(path, String(content)),
  };
}

it('a serial that was told once is known after a restart; what tells none changes nothing', async () => {
  const files = new Map<string, string>();
  const first = await readSerials(memoryFolder(files));
  expect(first.of('boiler')).toBeUndefined();
  await first.learn('boiler', '00417321');
  await first.learn('hall', undefined);
  const again = await readSerials(memoryFolder(files));
  expect([again.of('boiler'), again.of('hall')]).toEqual(['00417321', undefined]);
});

it('a file that is not whole is as none', async () => {
  const serials = await readSerials(memoryFolder(new Map([['serials.json', '{"boiler": ']])));
  expect(serials.of('boiler')).toBeUndefined();
});
