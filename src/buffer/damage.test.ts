import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS } from '../core/time.ts';
import {
  aMessage,
  anAttempt,
  anInterval,
  aReading,
  aReceipt,
  DAY_START,
  memoryStore,
  POINT,
  queuedIn,
  standingClock,
} from './buffer.testkit.ts';
import { sealRow } from './frame.ts';
import { type Buffer, openBuffer } from './index.ts';

const HOURS = [0, 1, 2, 3];
const SPAN = { start: DAY_START, end: DAY_START + 4 * HOUR_MS };
const SPANS = HOURS.map((hour) => ({ start: DAY_START + hour * HOUR_MS, end: DAY_START + (hour + 1) * HOUR_MS }));
const INTERVALS = SPANS.map(({ start }) => anInterval({ start }));

const open = (rows?: Map<string, Uint8Array>) => openBuffer(memoryStore(rows), { clock: standingClock() });

/**
 * What the stages do, each step safe to be told again: rounds, closed hours, one message, an attempt without answer and one
 * that is accepted. `acknowledged` collects the readings whose round was said to be kept.
 */
async function work(buffer: Buffer, acknowledged: Reading[]): Promise<void> {
  await Promise.all(
    SPANS.map(async ({ start: at }) => {
      const round = [aReading({ at }), aReading({ at, device: 'mill' })];
      await buffer.keepRound(round);
      acknowledged.push(...round);
    }),
  );
  for (const interval of INTERVALS) await buffer.keepIntervals([interval]);
  await buffer.setCursor('profiler', 4);
  if ((await buffer.deliveryOf(POINT, 'volume', DAY_START)).length === 0)
    await buffer.queueMessage((id) => aMessage(id, INTERVALS));
  for (;;) {
    const [next] = await queuedIn(buffer);
    if (!next) return;
    const { id } = next.message;
    const number = await buffer.outbox.beginAttempt(id, DAY_START);
    if (number === 1) await buffer.outbox.endAttempt(anAttempt(id, number, 'no-answer'));
    else await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
  }
}

async function isWhole(buffer: Buffer, acknowledged: readonly Reading[]): Promise<void> {
  for (const reading of acknowledged)
    expect(await buffer.readingAtOrAfter(reading.device, 'volume.base', reading.at)).toEqual(reading);
  const report = await buffer.verify();
  expect(report, JSON.stringify(report)).toMatchObject({ clean: true });
}

async function isDone(buffer: Buffer): Promise<void> {
  const { counts } = await buffer.ledger([{ point: POINT, channel: 'volume', spans: SPANS }]);
  expect(counts).toEqual({
    expected: 4,
    accepted: 4,
    pending: 0,
    rejected: 0,
    missing: 0,
    lost: 0,
    doubled: 0,
    givenUp: 0,
  });
  expect(await buffer.messagesOf('gas', '2026-03-28')).toHaveLength(1);
}

async function finished() {
  const store = memoryStore();
  const buffer = await openBuffer(store, { clock: standingClock() });
  await work(buffer, []);
  return { store, buffer };
}

describe('a failing batch', async () => {
  const { store: whole } = await finished();
  const cases = Array.from({ length: whole.batches }, (_, after) => after).flatMap((after) =>
    ([true, false] as const).flatMap((keepsFailing) =>
      ([true, false] as const).map((restarts) => ({ after, keepsFailing, restarts })),
    ),
  );

  it.each(cases)('after batch $after, on the disk: $keepsFailing, restart: $restarts', async (one) => {
    const store = memoryStore();
    store.batchesLeft = one.after;
    store.keepsFailing = one.keepsFailing;
    const first = await openBuffer(store, { clock: standingClock() });
    const acknowledged: Reading[] = [];
    await expect(work(first, acknowledged)).rejects.toMatchObject({ failure: { code: 'store-io' } });
    // The stopped program's store stays dead: nothing that was still queued may reach the disk beside its successor.
    if (!one.restarts) store.batchesLeft = Number.POSITIVE_INFINITY;
    const next = one.restarts ? await open(store.rows) : first;
    await isWhole(next, acknowledged);
    await work(next, acknowledged);
    await isWhole(next, acknowledged);
    await isDone(next);
  });
});

describe('calls that wait together', () => {
  it('share synced batches, and a plan that fails spoils no other', async () => {
    const store = memoryStore();
    const buffer = await openBuffer(store, { clock: standingClock() });
    await buffer.keepIntervals([anInterval()]);
    const rounds = SPANS.map(({ start: at }) => buffer.keepRound([aReading({ at }), aReading()]));
    const refused = buffer.keepIntervals([anInterval({ quality: 'flagged' })]);
    const messages = SPANS.slice(0, 3).map(({ start }) =>
      buffer.queueMessage((id) => aMessage(id, [anInterval({ start })])),
    );
    const double = buffer.queueMessage((id) => aMessage(id, [anInterval({ version: 2 })]));
    await expect(refused).rejects.toThrow(/version 1/);
    await expect(double).rejects.toMatchObject({ failure: { code: 'already-queued' } });
    await Promise.all([...rounds, ...messages]);
    expect(store.batches).toBeLessThan(6);
    expect(await buffer.changes('readings', 0, 10)).toHaveLength(4);
    expect(await queuedIn(buffer)).toHaveLength(3);
    expect((await buffer.verify()).clean).toBe(true);
  });
});

describe('damage', () => {
  it('of one bit anywhere, in value or key, is found 200 of 200 times, and no wrong value is ever served', async () => {
    const { store } = await finished();
    const names = [...store.rows.keys()];
    let found = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(), fc.boolean(), async (row, bit, inKey) => {
        const rows = new Map([...store.rows].map(([key, bytes]) => [key, bytes.slice()]));
        const key = names[row % names.length]!;
        const bytes = rows.get(key)!;
        if (inKey) {
          rows.delete(key);
          const code = key.charCodeAt(bit % key.length) ^ (1 << (bit % 7));
          const at = bit % key.length;
          rows.set(`${key.slice(0, at)}${String.fromCharCode(code)}${key.slice(at + 1)}`, bytes);
        } else bytes[(bit >> 3) % bytes.length]! ^= 1 << (bit & 7);
        const damages: string[] = [];
        const buffer = await openBuffer(memoryStore(rows), {
          clock: standingClock(),
          onDamage: (damage) => damages.push(damage.key),
        });
        const { clean } = await buffer.verify();
        if (damages.length > 0 || !clean) found++;
        for (const device of ['boiler-house', 'mill'])
          for (const reading of await buffer.readings(device, 'volume.base', SPAN))
            expect(reading).toEqual(aReading({ device, at: reading.at }));
        for (const interval of await buffer.intervals(POINT, 'volume', SPAN))
          expect(INTERVALS).toContainEqual(interval);
        for (const waiting of await queuedIn(buffer)) expect(waiting.state).not.toBe('prepared');
      }),
      { numRuns: 200 },
    );
    expect(found).toBe(200);
  });

  it('any row that is gone is named', async () => {
    const { store } = await finished();
    for (const key of store.rows.keys()) {
      if (key.startsWith('c/')) continue; // A cursor that is gone costs a second look, nothing else.
      const rows = new Map(store.rows);
      rows.delete(key);
      const damages: string[] = [];
      const buffer = await openBuffer(memoryStore(rows), {
        clock: standingClock(),
        onDamage: (damage) => damages.push(damage.key),
      });
      const report = await buffer.verify();
      if (key.startsWith('j/')) expect(report.holes, key).toHaveLength(1);
      else if (key === 'v/heads') expect(damages).toContain(key);
      else expect(report.lost, key).toEqual([key]);
    }
  });

  it('a lost end of the journal shows as holes, and following stages are told', async () => {
    const { store } = await finished();
    for (const sequence of [3, 4]) store.rows.delete(`j/readings/${String(sequence).padStart(15, '0')}`);
    const buffer = await openBuffer(store, { clock: standingClock() });
    expect((await buffer.verify()).holes).toEqual([
      { stream: 'readings', sequence: 3 },
      { stream: 'readings', sequence: 4 },
    ]);
    expect((await buffer.changes('readings', 1, 10)).map(({ sequence, lost }) => [sequence, lost])).toEqual([
      [2, false],
      [3, true],
      [4, true],
    ]);
    await buffer.keepRound([aReading({ at: SPAN.end })]);
    expect((await buffer.changes('readings', 4, 10)).map(({ sequence }) => sequence)).toEqual([5]);
  });

  it('a record put back from an older copy, or one that no journal names, does not pass', async () => {
    const { store, buffer } = await finished();
    const foreign = memoryStore();
    const other = await openBuffer(foreign, { clock: standingClock() });
    await other.keepRound([aReading({ value: { coefficient: 1n, exponent: 0 } })]);
    const key = 'r/2026-03-28/boiler-house/stored/05:00:00.000Z';
    const unnamed = 'r/2026-03-28/mill/stored/05:00:00.000Z~9';
    const unknown = 'z/unknown';
    store.rows.set(key, foreign.rows.get(key)!);
    for (const name of [unnamed, unknown]) store.rows.set(name, sealRow(name, 1, []));
    expect((await buffer.verify()).stray).toEqual(expect.arrayContaining([key, unnamed, unknown]));
  });

  it('is told once, however often it is met, until it is another', async () => {
    const { store } = await finished();
    const told: string[] = [];
    const buffer = await openBuffer(store, { clock: standingClock(), onDamage: ({ key }) => told.push(key) });
    const key = [...store.rows.keys()].find((one) => one.startsWith('i/'))!;
    const bytes = store.rows.get(key)!;
    bytes[30]! ^= 1;
    for (let look = 0; look < 3; look++) await buffer.intervals(POINT, 'volume', SPAN);
    expect(told).toEqual([key]);
    expect(buffer.damages()).toBeGreaterThanOrEqual(3);
    bytes[31]! ^= 1;
    await buffer.intervals(POINT, 'volume', SPAN);
    expect(told).toEqual([key, key]);
  });

  it('that is told is held within a bound', async () => {
    const store = memoryStore();
    const starts = Array.from({ length: 300 }, (_, hour) => DAY_START + hour * HOUR_MS);
    const whole = { start: DAY_START, end: DAY_START + 300 * HOUR_MS };
    await (await openBuffer(store, { clock: standingClock() })).keepIntervals(
      starts.map((start) => anInterval({ start })),
    );
    for (const [key, bytes] of store.rows) if (key.startsWith('i/')) bytes[30]! ^= 1;
    const told: string[] = [];
    const buffer = await openBuffer(store, { clock: standingClock(), onDamage: ({ key }) => told.push(key) });
    await buffer.intervals(POINT, 'volume', whole);
    expect(new Set(told).size).toBe(300);
    told.length = 0;
    await buffer.intervals(POINT, 'volume', { start: DAY_START, end: DAY_START + HOUR_MS });
    expect(told).toHaveLength(1);
  });

  it('is not seen where there is none: a buffer that is opened again has nothing to tell', async () => {
    const { store } = await finished();
    const told: unknown[] = [];
    const buffer = await openBuffer(store, { clock: standingClock(), onDamage: (damage) => told.push(damage) });
    expect(await buffer.verify()).toMatchObject({ clean: true, lost: [], stray: [] });
    expect(told).toEqual([]);
  });
});
