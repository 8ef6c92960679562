import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { SiteMessage } from '../relay/store.ts';
import { openRelayStore } from './relay-store.ts';

const START = Date.UTC(2026, 2, 30, 9);
const ONE: SiteMessage = {
  sender: 'A',
  id: '00000000000001',
  site: 'site-a',
  version: 1,
  hash: 'h',
  day: '2026-03-29',
  receivedAt: START,
  envelope: new Uint8Array([1]),
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-relay-store-'));
});
afterEach(() => rm(folder, { recursive: true }));

const open = () =>
  openRelayStore({ kind: 'level', folder: 'data' }, (name) => join(folder, name), {
    now: () => START,
    monotonicMs: () => 0,
  });
const store = () => join(folder, 'data', 'store');

test('a store that was there and is gone is told; no empty one takes its place', async () => {
  const first = await open();
  await first.keep([ONE]);
  await first.close();
  const again = await open();
  expect(await again.standing(ONE)).toMatchObject({ stage: 'stored' });
  await again.close();
  await rm(store(), { recursive: true });
  await expect(open()).rejects.toMatchObject({ failure: { code: 'store-missing' } });
  // An empty folder, as where the disk is not mounted, is no store either.
  await mkdir(store());
  await expect(open()).rejects.toMatchObject({ failure: { code: 'store-missing' } });
});

test('killed after the folder was made and before anything stood in it, the next start is still the first', async () => {
  await mkdir(store(), { recursive: true });
  await (await open()).close();
  expect(await readFile(join(folder, 'data', 'installed'), 'utf8')).toBe('2026-03-30T09:00:00Z\n');
});

test('a store of an earlier program, without the mark, goes on and gets it', async () => {
  const first = await open();
  await first.keep([ONE]);
  await first.close();
  await rm(join(folder, 'data', 'installed'));
  const again = await open();
  expect(await again.standing(ONE)).toMatchObject({ stage: 'stored' });
  await again.close();
  await rm(store(), { recursive: true });
  await expect(open()).rejects.toMatchObject({ failure: { code: 'store-missing' } });
});
