import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { VITAL_FILE } from '../../src/app/state.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReading,
  aReceipt,
  DAY_START,
  POINT,
} from '../../src/buffer/buffer.testkit.ts';
import type { Buffer } from '../../src/buffer/index.ts';
import type { MessageId } from '../../src/core/message.ts';
import { HOUR_MS, MINUTE_MS } from '../../src/core/time.ts';
import { joined, powerCut } from '../../src/sim/disk-faults.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { openedState } from '../kit/opened-state.ts';
import { damageStore, logOf, readStore } from '../kit/store-files.ts';

/**
 * The power goes at any byte that the real store or its second copy writes behind the last call that was acknowledged: a copy of
 * the folder with both files cut there is opened as a gateway does.
 */
const CUTS = 100;
const QUARTERS = Array.from({ length: 16 }, (_, n) => DAY_START + n * 15 * MINUTE_MS);
const SPAN = { start: DAY_START, end: DAY_START + 24 * HOUR_MS };
const INTERVALS = QUARTERS.map((start) => anInterval({ start, end: start + 15 * MINUTE_MS }));
/** Longer than a block of LevelDB's log, so that batches are cut into fragments. */
const RAW = 'ab'.repeat(9_000);

/** What may be relied on, and whether it still holds. */
type Promised = (buffer: Buffer) => Promise<boolean>;

let id: MessageId;
const isInState =
  (...states: readonly string[]): Promised =>
  async (buffer) =>
    states.includes((await buffer.messageState(id)) ?? 'gone');

/** Calls of the buffer, one at a time, each with what its caller may rely on from then on. */
const CALLS: readonly (readonly [(buffer: Buffer) => Promise<unknown>, Promised])[] = [
  ...QUARTERS.flatMap((at, n) => [
    [
      (buffer: Buffer) => buffer.keepRound([aReading({ at, raw: RAW }), aReading({ at, device: 'mill' })]),
      async (buffer: Buffer) =>
        (await buffer.readingAtOrAfter('boiler-house', 'volume.base', at))?.at === at &&
        (await buffer.readingAtOrAfter('mill', 'volume.base', at))?.at === at,
    ] as const,
    [
      (buffer: Buffer) => buffer.keepIntervals([INTERVALS[n]!]),
      async (buffer: Buffer) => (await buffer.intervalVersions(POINT, 'volume', at)).length === 1,
    ] as const,
  ]),
  [
    async (buffer) => {
      id = (await buffer.queueMessage((own) => aMessage(own, INTERVALS))).id;
    },
    isInState('prepared', 'sent', 'accepted'),
  ],
  [(buffer) => buffer.outbox.beginAttempt(id, DAY_START), isInState('sent', 'accepted')],
  [(buffer) => buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted')), isInState('accepted')],
];

let root: string;
let whole: string;
const copy = () => join(root, 'copy');
const storeIn = (folder: string) => join(folder, 'data', 'store');
const vitalIn = (folder: string) => join(folder, 'data', VITAL_FILE);

/** How long both files were when each number of calls had been acknowledged. */
const synced: { readonly log: number; readonly vital: number }[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'odecet-power-'));
  whole = join(root, 'whole');
  const live = join(root, 'live');
  const state = await openedState(live);
  const mark = async () => {
    const files = await readStore(storeIn(live));
    const vital = await readFile(vitalIn(live)).catch(() => new Uint8Array());
    synced.push({ log: files.get(logOf(files))!.length, vital: vital.length });
  };
  await mark();
  for (const [call] of CALLS) {
    await call(state.buffer);
    await mark();
  }
  // While it runs: a clean end would tell the second copy more.
  await cp(live, whole, { recursive: true });
  await state.close();
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Of the call behind the acknowledged ones the log has a part; the second copy begins to be told when the log has all of it. */
async function cutBehind(acknowledged: number, seed: number): Promise<void> {
  const random = seededRandom(`power ${seed}`);
  const [from, to] = [synced[acknowledged]!, synced[acknowledged + 1]!];
  await rm(copy(), { recursive: true, force: true });
  await cp(whole, copy(), { recursive: true });
  let isWhole = false;
  await damageStore(storeIn(copy()), (files) => {
    const log = files.get(logOf(files))!;
    const [before, piece] = [log.slice(0, from.log), log.slice(from.log, to.log)];
    const left = powerCut([piece], random, random.fork('tearing'));
    isWhole = String(left) === String(piece);
    files.set(logOf(files), joined([before, left]));
  });
  const vital = new Uint8Array(await readFile(vitalIn(copy())).catch(() => new Uint8Array()));
  const pieces = isWhole ? [vital.slice(from.vital, to.vital)] : [];
  const left = powerCut(pieces, random, random.fork('tearing the copy'));
  await writeFile(vitalIn(copy()), joined([vital.slice(0, from.vital), left]));
}

/** Holds what is there against the acknowledged calls. Gives whether the one behind them is there. */
async function look(buffer: Buffer, acknowledged: number, place: string): Promise<boolean> {
  for (const [, holds] of CALLS.slice(0, acknowledged)) expect(await holds(buffer), place).toBe(true);
  for (const [, holds] of CALLS.slice(acknowledged + 1)) expect(await holds(buffer), place).toBe(false);
  for (const device of ['boiler-house', 'mill'])
    for (const reading of await buffer.readings(device, 'volume.base', SPAN))
      expect(reading).toEqual(aReading({ device, at: reading.at, ...(device !== 'mill' && { raw: RAW }) }));
  for (const interval of await buffer.intervals(POINT, 'volume', SPAN)) expect(INTERVALS).toContainEqual(interval);
  const report = await buffer.verify();
  expect(report, `${place}: ${JSON.stringify(report).slice(0, 300)}`).toMatchObject({ clean: true });
  return CALLS[acknowledged]![1](buffer);
}

const title = `at ${CUTS} places: nothing acknowledged is lost, nothing is there in part, nothing has to be repaired`;
it(title, { timeout: 180_000 }, async () => {
  const kept: boolean[] = [];
  for (let seed = 0; seed < CUTS; seed++) {
    const acknowledged = seed % CALLS.length;
    const place = `seed ${seed}, behind call ${acknowledged}`;
    await cutBehind(acknowledged, seed);
    const { buffer, lastRepair, close } = await openedState(copy());
    try {
      kept.push(await look(buffer, acknowledged, place));
      expect(lastRepair, place).toBeUndefined();
      // No second message for what the first one carries.
      if (acknowledged > 2 * QUARTERS.length)
        await expect(buffer.queueMessage((own) => aMessage(own, INTERVALS))).rejects.toMatchObject({
          failure: { code: 'already-queued' },
        });
    } finally {
      await close();
    }
  }
  expect(kept.filter(Boolean).length).toBeGreaterThan(20);
  expect(kept.filter((isMore) => !isMore).length).toBeGreaterThan(20);
});
