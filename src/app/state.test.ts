import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { aMessage, anAttempt, anInterval, aReceipt, DAY_START, POINT } from '../buffer/buffer.testkit.ts';
import { sealRow } from '../buffer/frame.ts';
import { intervalKey } from '../buffer/keys.ts';
import { readVitalLine, vitalLine } from '../buffer/vital.ts';
import { HOUR_MS, isoUtc, type UtcMs } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import { hostClock } from '../host/clock.ts';
import { openLevelStore } from '../host/store-level.ts';
import type { Log } from '../machine/log.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import type { LoadedSite } from './site-files.ts';
import { lockState, type OpenedBy, openState, type State } from './state.ts';

/** What a start makes of a state folder of which parts are lost: nothing that was accepted may be sent again. */
const INSTALLED = DAY_START + 30 * HOUR_MS;
const INTERVALS = Array.from({ length: 24 }, (_, n) => anInterval({ start: DAY_START + n * HOUR_MS }));

let root: string;
let told: string[];
const log: Log = {
  ...quietLog,
  warn: (event) => void told.push(event),
  error: (event) => void told.push(event),
  child: () => log,
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'odecet-state-'));
  told = [];
  const state = await openAt(INSTALLED);
  await state.buffer.keepIntervals(INTERVALS);
  const { id } = await state.buffer.queueMessage((own) => aMessage(own, INTERVALS));
  const attempt = await state.buffer.outbox.beginAttempt(id, DAY_START);
  await state.buffer.outbox.endAttempt(anAttempt(id, attempt, 'answered'), aReceipt(id, 'accepted'));
  await state.close();
});
afterEach(() => rm(root, { recursive: true, force: true }));

const place = (name: string) => join(root, 'data', name);

function openAt(now: UtcMs, by: OpenedBy = 'gateway'): Promise<State> {
  const storage = storageSchema.parse(undefined);
  const site = { site: 'mill', zone: 'Europe/Prague', points: [], market: {}, storage };
  const loaded = { site, devices: new Map(), folder: root, file: join(root, 'site.yaml') };
  return openState(loaded as unknown as LoadedSite, { ...hostClock(), now: () => now }, log, by);
}

/** Nothing of what was accepted can go out under a new id: refused at once, or held for a person. */
async function neverAgain({ buffer, held }: State): Promise<'refused' | 'held'> {
  await buffer.keepIntervals(INTERVALS);
  try {
    const again = await buffer.queueMessage((own) => aMessage(own, INTERVALS));
    expect(held.hold(again)).toMatchObject({ code: 'day-held' });
    return 'held';
  } catch (error) {
    expect(error).toMatchObject({ failure: { code: 'already-queued' } });
    return 'refused';
  }
}

it.each([
  ['a line of the second copy damaged', (text: string) => text.replace('"m/', '"n/')],
  ['nothing of the second copy readable', () => 'not what it was\n'],
])('the store gone and %s: told, and days that were over wait for a person', async (_what, damage) => {
  await writeFile(place('vital.log'), damage(await readFile(place('vital.log'), 'utf8')));
  await rm(place('store'), { recursive: true });
  const state = await openAt(INSTALLED + HOUR_MS);
  expect(await neverAgain(state)).toBe('held');
  await state.close();
  expect(told).toEqual(expect.arrayContaining(['store-repair', 'second-copy-damaged', 'days-held']));
  const report = (await readdir(join(root, 'data'))).find((name) => name.startsWith('repair-report'));
  expect(JSON.parse(await readFile(place(report ?? ''), 'utf8'))).toMatchObject({
    secondCopy: expect.stringMatching(/damaged|can be read/),
  });
});

/** As programs left it that wrote the time of the installation into the file alone. */
async function forgetIdentity(): Promise<void> {
  const store = await openLevelStore({ folder: place('store') });
  await store.batch([{ kind: 'delete', key: 'v/site' }]);
  await store.close();
  const text = await readFile(place('vital.log'), 'utf8');
  const lines = text.split('\n').flatMap((line) => readVitalLine(line) ?? []);
  await writeFile(place('vital.log'), lines.map(({ heads, rows }) => `${vitalLine({ heads, rows })}\n`).join(''));
}

it.each([
  ['gone', async () => rm(place('installed'))],
  ['empty', async () => writeFile(place('installed'), '')],
  ['no text', async () => writeFile(place('installed'), Uint8Array.of(0xff, 0, 7))],
])('the file `installed` %s: the store says it, it is told, and the file is there again', async (_what, damage) => {
  await damage();
  const looking = await openAt(INSTALLED + 400 * HOUR_MS, 'look');
  expect(looking.installedAt).toBe(INSTALLED);
  await looking.close();
  expect(told).toEqual([]);
  for (const events of [['installed-lost'], []]) {
    told = [];
    const state = await openAt(INSTALLED + 400 * HOUR_MS);
    expect(state.installedAt).toBe(INSTALLED);
    await state.close();
    expect(told).toEqual(events);
  }
});

it.each([
  ['gone', async () => rm(place('installed'))],
  ['empty', async () => writeFile(place('installed'), '')],
])('store gone and `installed` %s: the second copy says it, and what was accepted is known', async (_what, damage) => {
  await damage();
  await rm(place('store'), { recursive: true });
  const state = await openAt(INSTALLED + HOUR_MS);
  expect(state.installedAt).toBe(INSTALLED);
  expect(await neverAgain(state)).toBe('refused');
  await state.close();
  expect(told).toEqual(expect.arrayContaining(['store-repair', 'installed-lost']));
});

it.each([false, true])(
  'of an earlier program, without `installed`: what is oldest tells it, store gone: %s',
  async (isGone) => {
    await forgetIdentity();
    await rm(place('installed'));
    if (isGone) await rm(place('store'), { recursive: true });
    const state = await openAt(INSTALLED + 400 * HOUR_MS);
    // When the first message was made.
    expect(state.installedAt).toBe(DAY_START);
    expect(await neverAgain(state)).toBe('refused');
    await state.close();
    expect(told).toContain('installed-lost');
  },
);

it('an `installed` that cannot be read, alone, is no first install', async () => {
  for (const name of ['store', 'vital.log']) await rm(place(name), { recursive: true });
  await writeFile(place('installed'), '');
  await expect(openAt(INSTALLED + HOUR_MS)).rejects.toMatchObject({ failure: { code: 'store-missing' } });
});

it('the store gone and the second copy whole: what was accepted is known, and nothing is held', async () => {
  await rm(place('store'), { recursive: true });
  const state = await openAt(INSTALLED + HOUR_MS);
  expect(await neverAgain(state)).toBe('refused');
  expect(state.held.hold(aMessage('9'.repeat(14), INTERVALS))).toBeUndefined();
  await state.close();
  expect(told).not.toContain('days-held');
});

const names = () => readdir(join(root, 'data'));

it('a repair that was cut off is gone on with: the same copy, and all is looked through though LevelDB opens in silence', async () => {
  await cp(place('store'), place('store-damaged-before'), { recursive: true });
  const store = await openLevelStore({ folder: place('store') });
  await store.batch([{ kind: 'delete', key: intervalKey(INTERVALS[3]!) }]);
  await store.close();
  await writeFile(place('repair-wanted'), JSON.stringify({ cause: 'a table is gone', copy: 'store-damaged-before' }));
  const state = await openAt(INSTALLED + HOUR_MS);
  expect(state.lastRepair).toBeDefined();
  expect(JSON.parse(await readFile(place(state.lastRepair!), 'utf8'))).toMatchObject({
    cause: 'a table is gone',
    copy: place('store-damaged-before'),
    missing: [{ key: intervalKey(INTERVALS[3]!) }],
  });
  await state.close();
  expect((await names()).filter((name) => name.startsWith('store-damaged'))).toEqual(['store-damaged-before']);
  const after = await openAt(INSTALLED + HOUR_MS);
  expect(after.lastRepair).toBeUndefined();
  await after.close();
});

it('before a repair touches anything it is written down, so that the next start goes on with it', async () => {
  await writeFile(place('store/CURRENT'), 'garbage');
  // Where the copy is to stand a file is in the way of its folder.
  const now = INSTALLED + HOUR_MS;
  await mkdir(place(`store-damaged-${isoUtc(now).replaceAll(':', '-')}/x`), { recursive: true });
  await expect(openAt(now)).rejects.toMatchObject({ failure: { code: 'store-unreadable' } });
  expect(await readFile(place('repair-wanted'), 'utf8')).toContain('CURRENT');
  expect((await names()).some((name) => name.endsWith('.unfinished'))).toBe(false);
  const state = await openAt(now + 1);
  expect(await neverAgain(state)).toBe('refused');
  await state.close();
  expect(await readFile(place('repair-wanted'), 'utf8')).toBe('');
});

it('nobody else opens a folder that one works in, also while no store is open there', async () => {
  const release = await lockState(join(root, 'data'), false);
  for (const by of ['gateway', 'change', 'look'] as const)
    await expect(openAt(INSTALLED, by)).rejects.toMatchObject({ failure: { code: 'store-locked' } });
  await release();
  const state = await openAt(INSTALLED, 'look');
  await expect(openAt(INSTALLED)).rejects.toMatchObject({ failure: { code: 'store-locked' } });
  await state.close();
  await (await openAt(INSTALLED)).close();
});

it('a damaged file of held days is told, and no reason to take the store apart', async () => {
  await writeFile(place('held-after-restore.json'), '{"resto');
  const state = await openAt(INSTALLED + HOUR_MS);
  expect(state.held.hold(aMessage('00000000000000', INTERVALS))).toMatchObject({ code: 'day-held' });
  await state.close();
  expect(told).toContain('days-held');
  expect((await names()).filter((name) => /^(store-damaged|repair-report)/.test(name))).toEqual([]);
});

it('a second copy that is no file ends the start in words', async () => {
  await rm(place('vital.log'));
  await mkdir(place('vital.log'));
  const start = openAt(INSTALLED + HOUR_MS);
  await expect(start).rejects.toMatchObject({
    failure: { code: 'store-io', detail: expect.stringContaining('vital.log') },
  });
});

it('whoever only looks touches no file, whatever is to be mended', async () => {
  const filesIn = async (folder: string): Promise<[string, string][]> => {
    const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    const read = names.map(async ({ parentPath, name }): Promise<[string, string]> => {
      const file = join(parentPath, name);
      return [file, (await readFile(file)).toString('base64')];
    });
    return Promise.all(read);
  };
  const writing = await openLevelStore({ folder: place('store') });
  // The outbox has a row too few.
  await writing.batch([{ kind: 'put', key: 'v/heads', value: sealRow('v/heads', 0, { delivery: 5, waiting: 7 }) }]);
  await writing.close();
  const before = await filesIn(root);
  const { buffer, close } = await openAt(INSTALLED + HOUR_MS, 'look');
  expect((await buffer.outbox.heads()).length).toBe(0);
  await buffer.keepIntervals([anInterval({ start: INSTALLED })]);
  await close();
  expect(await filesIn(root)).toEqual(before);
});

it('a disk that takes no write is looked at all the same; what wants to write is refused', async ({ skip }) => {
  const data = join(root, 'data');
  const mount = (...how: string[]) => spawnSync('mount', how).status === 0;
  // Only root may mount.
  if (!mount('--bind', data, data)) return skip();
  try {
    expect(mount('-o', 'remount,ro,bind', data)).toBe(true);
    await expect(writeFile(place('any'), '')).rejects.toThrow('EROFS');
    const { buffer, installedAt, close } = await openAt(INSTALLED + HOUR_MS, 'look');
    expect(installedAt).toBe(INSTALLED);
    const { counts } = await buffer.ledger([{ point: POINT, channel: 'volume', spans: INTERVALS }]);
    expect(counts).toMatchObject({ expected: 24, accepted: 24 });
    expect(await buffer.verify()).toMatchObject({ clean: true });
    await close();
    await expect(openAt(INSTALLED + HOUR_MS, 'change')).rejects.toThrow(/Read-only/);
  } finally {
    spawnSync('umount', ['--lazy', data]);
  }
});
