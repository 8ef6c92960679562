import { expect, test } from 'vitest';
import { parseUtc } from '../core/time.ts';
import { aReading, bench, ZONE } from './app.testkit.ts';
import { withSecondHourDoubted } from './second-hour.ts';

const FIRST = parseUtc('2026-10-25T00:00:00Z');
const SECOND = parseUtc('2026-10-25T01:00:00Z');

const stored = (at: number, value: string) => aReading(at, value, { source: 'stored' });

/** Whether each value is believed. */
async function believed(known: readonly [number, string][], read: readonly [number, string][]): Promise<boolean[]> {
  const { buffer } = await bench(SECOND);
  await buffer.keepRound(known.map(([at, value]) => stored(at, value)));
  const readings = read.map(([at, value]) => stored(at, value));
  const checked = await withSecondHourDoubted(buffer, readings, ZONE);
  return checked.map(({ flags }) => !flags.includes('clock-invalid'));
}

test('a meter that froze nothing more shows the stamp of the first hour in the second', async () => {
  expect(await believed([[FIRST, '7']], [[SECOND, '7']])).toEqual([false]);
});

test('a meter that went on is believed', async () => {
  expect(await believed([[FIRST, '7']], [[SECOND, '8']])).toEqual([true]);
});

test('which of the two it is, nobody knows who has not seen the first', async () => {
  expect(await believed([], [[SECOND, '8']])).toEqual([false]);
});

test('an archive tells both at once', async () => {
  const read = [
    [SECOND, '8'],
    [FIRST, '7'],
  ] as const;
  expect(
    await believed(
      [],
      read.map(([at, value]) => [at, value]),
    ),
  ).toEqual([true, true]);
});

test('at any other time an index may stand still, and a sample may at this one', async () => {
  const other = parseUtc('2026-10-25T02:00:00Z');
  expect(await believed([[SECOND, '7']], [[other, '7']])).toEqual([true]);
  const { buffer } = await bench(SECOND);
  const sample = aReading(SECOND, '7', { source: 'sampled' });
  expect(await withSecondHourDoubted(buffer, [sample], ZONE)).toEqual([sample]);
});
