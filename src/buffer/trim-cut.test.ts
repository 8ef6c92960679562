import { expect, it } from 'vitest';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import type { Suspect } from './api.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReading,
  aReceipt,
  DAY_START,
  memoryLog,
  memoryStore,
  POINT,
  standingClock,
} from './buffer.testkit.ts';
import { type Buffer, openBuffer } from './index.ts';
import { HEADS_KEY } from './keys.ts';
import type { ScrubPosition } from './reports.ts';

const DAY_MS = 24 * HOUR_MS;
const DAYS = [0, 1, 2].map((n) => DAY_START + n * DAY_MS);
/** When two of the three days are to go. */
const NOW = DAY_START + 100 * DAY_MS;
const hoursOf = (day: UtcMs) => Array.from({ length: 24 }, (_, hour) => day + hour * HOUR_MS);
const SPANS = DAYS.flatMap(hoursOf).map((start) => ({ start, end: start + HOUR_MS }));

/** Three days, all told and accepted but for half of the second. */
async function threeDays() {
  const parts = { store: memoryStore(), vital: memoryLog(), clock: standingClock() };
  const buffer = await openBuffer(parts.store, parts);
  for (const day of DAYS) {
    parts.clock.at = day;
    const intervals = hoursOf(day).map((start) => anInterval({ start }));
    for (const { start: at } of intervals)
      await buffer.keepRound([aReading({ at }), aReading({ at, source: 'sampled' })]);
    await buffer.keepIntervals(intervals);
    const { id } = await buffer.queueMessage((own) => aMessage(own, intervals.slice(0, day === DAYS[1] ? 12 : 24)));
    const number = await buffer.outbox.beginAttempt(id, day);
    await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
  }
  parts.clock.at = NOW;
  await buffer.tellHeads();
  return parts;
}

async function giveUp(buffer: Buffer): Promise<void> {
  for (let passes = 0; passes < 3; passes++)
    for (const stream of ['samples', 'readings', 'intervals', 'delivery'] as const)
      await buffer.trim(stream, { olderThan: DAYS[2]!, now: NOW, entriesMax: 40 });
}

async function expectNothingLost(buffer: Buffer, after: string): Promise<void> {
  expect(await buffer.verify(), after).toMatchObject({ clean: true });
  const { counts } = await buffer.ledger([{ point: POINT, channel: 'volume', spans: SPANS }]);
  expect(counts, after).toMatchObject({ pending: 12, missing: 0, lost: 0, doubled: 0 });
  expect(counts.accepted + counts.givenUp, after).toBe(60);
}

it('a retention that is cut off at any batch has lost nothing, and is gone on with', { timeout: 60_000 }, async () => {
  const whole = await threeDays();
  let cuts = 0;
  for (let isCut = true; isCut; cuts++) {
    const rows = new Map(whole.store.rows);
    const store = Object.assign(memoryStore(rows), { batchesLeft: cuts });
    const parts = { ...whole, vital: Object.assign(memoryLog(), { kept: [...whole.vital.kept] }) };
    isCut = await openBuffer(store, parts)
      .then(giveUp)
      .then(
        () => false,
        () => true,
      );
    const buffer = await openBuffer(memoryStore(rows), parts);
    await expectNothingLost(buffer, `cut after ${cuts} batches`);
    await giveUp(buffer);
    await expectNothingLost(buffer, `cut after ${cuts} batches, and gone on with`);
  }
  expect(cuts).toBeGreaterThan(4);
});

it('a vital record as it was before does not make lost what was given up since', async () => {
  const parts = await threeDays();
  const before = parts.store.rows.get(HEADS_KEY)!;
  const buffer = await openBuffer(parts.store, parts);
  await giveUp(buffer);
  await buffer.tellHeads();
  parts.store.rows.set(HEADS_KEY, before);
  const again = await openBuffer(parts.store, parts);
  expect(await suspectsOf(again)).toEqual([]);
  await expectNothingLost(again, 'afterwards');
  // Where the entries are there again too, they are not passed over.
  const early = await threeDays();
  early.vital.kept = parts.vital.kept;
  const back = await openBuffer(early.store, early);
  expect(back.entries('samples')).toBeGreaterThan(48);
});

async function suspectsOf(buffer: Buffer): Promise<Suspect[]> {
  const found: Suspect[] = [];
  let position: ScrubPosition | undefined;
  do {
    const { next, suspects } = await buffer.scrub(position, 1_000);
    found.push(...suspects);
    position = next;
  } while (position);
  return found;
}
