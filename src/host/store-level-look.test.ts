import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
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
