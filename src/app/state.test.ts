import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { aMessage, anAttempt, anInterval, aReceipt, DAY_START } from '../buffer/buffer.testkit.ts';
import { readVitalLine, vitalLine } from '../buffer/vital.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import { hostClock } from '../host/clock.ts';
import { openLevelStore } from '../host/store-level.ts';
import type { Log } from '../machine/log.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import type { LoadedSite } from './site-files.ts';
import { openState, type State } from './state.ts';

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

function openAt(now: UtcMs, install = true): Promise<State> {
  const storage = storageSchema.parse(undefined);
  const site = { site: 'mill', zone: 'Europe/Prague', points: [], market: {}, storage };
  const loaded = { site, devices: new Map(), folder: root, file: join(root, 'site.yaml') };
  return openState(loaded as unknown as LoadedSite, { ...hostClock(), now: () => now }, log, install);
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
  const looking = await openAt(INSTALLED + 400 * HOUR_MS, false);
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
