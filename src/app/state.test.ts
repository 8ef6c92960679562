import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { aMessage, anAttempt, anInterval, aReceipt, DAY_START } from '../buffer/buffer.testkit.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import { hostClock } from '../host/clock.ts';
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

it('the store gone and the second copy whole: what was accepted is known, and nothing is held', async () => {
  await rm(place('store'), { recursive: true });
  const state = await openAt(INSTALLED + HOUR_MS);
  expect(await neverAgain(state)).toBe('refused');
  expect(state.held.hold(aMessage('9'.repeat(14), INTERVALS))).toBeUndefined();
  await state.close();
  expect(told).not.toContain('days-held');
});
