import { chown, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { aloneAt, replaceFile } from './shared-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-shared-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('of many who count in one file at once, none is lost; who fails lets it go', async () => {
  const file = join(folder, 'count');
  await writeFile(file, '0');
  await symlink(file, join(folder, 'link'));
  await expect(aloneAt(file, () => Promise.reject(new Error('fell')))).rejects.toThrow('fell');
  const count = (by: string) =>
    aloneAt(by, async () => replaceFile(by, String(Number(await readFile(by, 'utf8')) + 1)));
  await Promise.all(Array.from({ length: 20 }, (_, n) => count(n % 2 === 0 ? file : join(folder, 'link'))));
  expect(await readFile(file, 'utf8')).toBe('20');
});

test('a file keeps its mode, and its owner where one may give files away', async () => {
  const file = join(folder, 'passwords');
  await writeFile(file, 'a', { mode: 0o640 });
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(file, 1, 2);
  await replaceFile(file, 'b', 0o600);
  const { mode, uid, gid } = await stat(file);
  expect(mode & 0o777).toBe(0o640);
  if (isRoot) expect([uid, gid]).toEqual([1, 2]);
  await replaceFile(join(folder, 'new'), 'c', 0o600);
  expect((await stat(join(folder, 'new'))).mode & 0o777).toBe(0o600);
});
