import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from './make-folder.ts';

let place: string;
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'odecet-make-folder-'));
});
afterEach(() => rm(place, { recursive: true }));

test('makes what is not there, and says where that begins', async () => {
  const deep = join(place, 'a', 'b', 'c');
  expect(await makeFolder(deep, 0o700)).toBe(join(place, 'a'));
  expect((await stat(deep)).mode & 0o777).toBe(0o700);
  expect(await makeFolder(deep)).toBeUndefined();
  expect(await makeFolder(join(place, 'a', 'd'))).toBe(join(place, 'a', 'd'));
});

test('two at once make one', async () => {
  const deep = join(place, 'a', 'b', 'c');
  await Promise.all([makeFolder(deep), makeFolder(deep), makeFolder(join(deep, 'd'))]);
  expect((await stat(join(deep, 'd'))).isDirectory()).toBe(true);
});

test('ends where no folder can be made', async () => {
  await writeFile(join(place, 'file'), '');
  await expect(makeFolder(join(place, 'file', 'a'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder('/proc/none/messages')).rejects.toMatchObject({ code: 'ENOENT' });
});
