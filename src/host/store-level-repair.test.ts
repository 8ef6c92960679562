import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLevelStore } from './store-level.ts';
import { copyAside, repairLevelStore } from './store-level-repair.ts';
import { damagedTables } from './store-level-tables.ts';

let root: string;
let folder: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'odecet-repair-'));
  folder = join(root, 'store');
  for (const part of ['one', 'two']) {
    const store = await openLevelStore({ folder, create: true });
    await store.batch([{ kind: 'put', key: part, value: new Uint8Array(5_000) }]);
    await store.close();
  }
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function readable(): Promise<string[]> {
  const store = await openLevelStore({ folder });
  const rows = await store.range({ gte: '', lt: '~' });
  await store.close();
  return rows.map(([key]) => key);
}

it('half a copy of a run that was cut off is removed before the next, and nothing of one that fails stays', async () => {
  await mkdir(join(root, 'store-damaged-1970.unfinished'));
  await writeFile(join(root, 'store-damaged-1970.unfinished', '000001.ldb'), 'half');
  await copyAside(folder, join(root, 'store-damaged-1'));
  expect((await readdir(root)).sort()).toEqual(['store', 'store-damaged-1']);
  expect((await readdir(join(root, 'store-damaged-1'))).sort()).toEqual((await readdir(folder)).sort());
  // A name that is taken stands for whatever lets a copy fail at its end.
  await expect(copyAside(folder, join(root, 'store-damaged-1'))).rejects.toMatchObject({
    failure: { code: 'store-unreadable' },
  });
  expect((await readdir(root)).sort()).toEqual(['store', 'store-damaged-1']);
});

it('of a store that is a link, what stands there is copied, not the link', async () => {
  await symlink(folder, join(root, 'linked'));
  await copyAside(join(root, 'linked'), join(root, 'linked-damaged-1'));
  expect((await stat(join(root, 'linked-damaged-1'))).isDirectory()).toBe(true);
  await repairLevelStore(join(root, 'linked'));
  expect((await readdir(join(root, 'linked-damaged-1'))).some((name) => name.endsWith('.ldb'))).toBe(true);
});

it('leaves nothing behind in the store, and can be made again', async () => {
  for (let times = 0; times < 2; times++) {
    await repairLevelStore(folder);
    expect(await readdir(folder)).not.toContain('lost');
  }
  expect(await readable()).toEqual(['one', 'two']);
});

it('a table that cannot be read as a file is damaged, and is taken out', async () => {
  await mkdir(join(folder, '000099.ldb'));
  expect(await damagedTables(folder)).toEqual(['000099.ldb']);
  await repairLevelStore(folder);
  expect(await damagedTables(folder)).toEqual([]);
  expect(await readable()).toEqual(['one', 'two']);
});
