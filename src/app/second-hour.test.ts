import { expect, test } from 'vitest';
import type { Quantity } from '../core/quantity.ts';
import { parseUtc } from '../core/time.ts';
import { aReading, bench, ZONE } from './app.testkit.ts';
import { withoutSecondHourInDoubt } from './second-hour.ts';

const FIRST = parseUtc('2026-10-25T00:00:00Z');
const SECOND = parseUtc('2026-10-25T01:00:00Z');

type Told = readonly [at: number, value: string, quantity?: Quantity];
const stored = ([at, value, quantity = 'volume.base.total']: Told) =>
  aReading(at, value, { source: 'stored', quantity });

/** The values that are believed. */
async function believed(known: readonly Told[], read: readonly Told[]): Promise<Told[]> {
  const { buffer } = await bench(SECOND);
  await buffer.keepRound(known.map(stored));
  const found = await withoutSecondHourInDoubt(buffer, read.map(stored), ZONE);
  expect(found.believed.length + found.refused.length).toBe(read.length);
  return read.filter((_, n) => found.believed.some(({ at, quantity }) => sameAs(stored(read[n]!), { at, quantity })));
}

function sameAs(a: { at: number; quantity: Quantity }, b: { at: number; quantity: Quantity }): boolean {
  return a.at === b.at && a.quantity === b.quantity;
}

test('a meter that froze nothing more shows the stamp of the first hour in the second', async () => {
  expect(await believed([[FIRST, '7']], [[SECOND, '7']])).toEqual([]);
});

test('a meter that went on is believed', async () => {
  expect(await believed([[FIRST, '7']], [[SECOND, '8']])).toEqual([[SECOND, '8']]);
});

test('which of the two it is, nobody knows who has not seen the first', async () => {
  expect(await believed([], [[SECOND, '8']])).toEqual([]);
});

test('an archive tells both at once', async () => {
  const read: Told[] = [
    [SECOND, '8'],
    [FIRST, '7'],
  ];
  expect(await believed([], read)).toEqual(read);
});

test('a counter that stands still is believed with one of its row that has moved', async () => {
  const [counts, stands] = ['volume.base', 'volume.base.disturbed'] as const;
  const known: Told[] = [
    [FIRST, '7', counts],
    [FIRST, '2', stands],
  ];
  const read: Told[] = [
    [SECOND, '8', counts],
    [SECOND, '2', stands],
  ];
  expect(await believed(known, read)).toEqual(read);
  expect(await believed(known, [[SECOND, '2', stands]])).toEqual([]);
});

test('at any other time an index may stand still, and a sample may at this one', async () => {
  const other: Told = [parseUtc('2026-10-25T02:00:00Z'), '7'];
  expect(await believed([[SECOND, '7']], [other])).toEqual([other]);
  const { buffer } = await bench(SECOND);
  const sample = aReading(SECOND, '7', { source: 'sampled' });
  expect((await withoutSecondHourInDoubt(buffer, [sample], ZONE)).believed).toEqual([sample]);
});
