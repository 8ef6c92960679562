import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type SmallDisk, smallDisk } from '../../test/kit/small-disk.ts';
import { openLevelStore } from './store-level.ts';
import { lookAtLevelStore } from './store-level-look.ts';

let root: string;
let folder: string;
const ALL = { gte: '', lt: '~' };
const bytes = (text: string) => new TextEncoder().encode(text.repeat(1_000));

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'odecet-looked-at-'));
  folder = join(root, 'store');
  vi.stubEnv('TMPDIR', root);
  const store = await openLevelStore({ folder, create: true });
  for (let n = 0; n < 100; n++) await store.batch([{ kind: 'put', key: `table ${n}`, value: bytes(String(n)) }]);
  // Into tables; what comes after it stands in the log.
  await store.compact?.(ALL);
  await store.batch([{ kind: 'put', key: 'log', value: bytes('log') }]);
  await store.close();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

/** Every file as it is and when it was written. */
async function asItIs(): Promise<Map<string, readonly [number, string]>> {
  const files = new Map<string, readonly [number, string]>();
  for (const name of await readdir(folder)) {
    const file = join(folder, name);
    files.set(name, [(await stat(file)).mtimeMs, (await readFile(file)).toString('base64')]);
  }
  return files;
}

it('gives what stands in tables and in the log, and touches no file of the store', async () => {
  const before = await asItIs();
  expect([...before.keys()].filter((name) => name.endsWith('.ldb')).length).toBeGreaterThan(0);
  const { store, release } = await lookAtLevelStore(folder);
  expect(await store.range(ALL)).toHaveLength(101);
  expect(await store.get('log')).toEqual(bytes('log'));
  // Whoever only looks may want to mend what he sees: it goes where he is, and a merge of tables too.
  await store.batch([{ kind: 'put', key: 'own', value: bytes('own') }]);
  await store.compact?.(ALL);
  await store.close();
  await release();
  expect(await asItIs()).toEqual(before);
  expect(await readdir(root)).toEqual(['store']);
});

it('is refused while a process has the store open', async () => {
  const store = await openLevelStore({ folder });
  await expect(lookAtLevelStore(folder)).rejects.toMatchObject({ failure: { code: 'store-locked' } });
  await store.close();
});

const disks = [1, 2].map(() => smallDisk(8));
afterAll(() => {
  for (const disk of disks) disk?.remove();
});

it.skipIf(disks.includes(undefined))(
  'is not refused for a store on another disk whose files have the same numbers (skipped where this user may not mount one)',
  async () => {
    const [open, closed] = disks.map((disk) => join((disk as SmallDisk).folder, 'store')) as [string, string];
    const other = await openLevelStore({ folder: open, create: true });
    await (await openLevelStore({ folder: closed, create: true })).close();
    expect((await stat(join(closed, 'LOCK'))).ino).toBe((await stat(join(open, 'LOCK'))).ino);
    await expect(lookAtLevelStore(open)).rejects.toMatchObject({ failure: { code: 'store-locked' } });
    const { store, release } = await lookAtLevelStore(closed);
    await store.close();
    await release();
    await other.close();
  },
);

it('tells of the store as it is, not of the place from which it is looked at', async () => {
  await rm(join(folder, 'CURRENT'));
  const look = lookAtLevelStore(folder);
  await expect(look).rejects.toMatchObject({ failure: { code: 'store-missing' } });
  await expect(look).rejects.toThrow(`${folder}: CURRENT is gone`);
  expect(await readdir(root)).toEqual(['store']);
});

it('says where it wants to write, and how to name another place', async () => {
  vi.stubEnv('TMPDIR', join(root, 'nowhere'));
  await expect(lookAtLevelStore(folder)).rejects.toThrow(/nowhere.*TMPDIR=/);
});
