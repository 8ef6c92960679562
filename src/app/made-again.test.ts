import { expect, it } from 'vitest';
import { decimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS } from '../core/time.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, told } from './app.testkit.ts';
import { createProfiler } from './profiler.ts';

const DAY = gasDay('2026-06-10');
const counter = { device: 'meter', quantity: 'volume.base.total', unit: 'm3' } as const;
const ESTIMATION = { linearMinutesMax: 1440, scaled: true, likeDay: true };

/** A finished day of 1.5 m3 an hour, read a second before and after each hour; then its readings go, and records of hours. */
async function withoutRecords(
  hours: readonly number[],
  stores: boolean,
  estimation?: typeof ESTIMATION,
): Promise<{ before: Interval[]; after: Interval[] }> {
  const made = await bench(DAY.end + 26 * HOUR_MS);
  const { buffer, store, clock } = made;
  const point = aPoint(aPlan({ counters: [{ ...counter, stores }] }), estimation && { estimation });
  const profiler = createProfiler({ site: aSite(), points: [point], buffer, clock });
  const edges = [...cut(DAY, 60).map(({ start }) => start), DAY.end];
  const readings = edges.flatMap((at, n) => {
    const index = (litres: number) => decimal(1_000_000 + 1_500 * n + litres, -3);
    if (stores) return [aReading(at, index(0))];
    return [-1, 1].map((side) => aReading(at + side * 1_000, index(side), { source: 'sampled' }));
  });
  await buffer.keepRound(readings);
  await profiler.follow();
  await profiler.finish(point, DAY);
  const before = await buffer.intervals(GAS, 'volume', DAY);
  for (const stream of ['readings', 'samples'] as const)
    await buffer.trim(stream, { olderThan: clock.now() - HOUR_MS, now: clock.now(), entriesMax: 1_000 });
  for (const hour of hours) {
    const at = new Date(DAY.start + hour * HOUR_MS).toISOString();
    const rows = await store.range({ gte: `i/${GAS}/volume/${at}/`, lt: `i/${GAS}/volume/${at}/~` });
    await store.batch(rows.map(([key]) => ({ kind: 'delete', key })));
  }
  const again = await made.restart();
  await createProfiler({ site: aSite(), points: [point], ...again }).finish(point, DAY);
  return { before, after: await again.buffer.intervals(GAS, 'volume', DAY) };
}

it.each([
  ['without estimates', undefined],
  ['and no estimate', ESTIMATION],
])('an interval whose record is gone is made again of the indexes beside it, %s', async (_, estimation) => {
  const { before, after } = await withoutRecords([3, 12], false, estimation);
  expect(before.map(({ quality }) => quality)).toEqual(Array(24).fill('computed'));
  expect(after.map(told)).toEqual(before.map(told));
});

it('of two such neighbours nothing tells what passed in each', async () => {
  const { after } = await withoutRecords([3, 4], false);
  expect(after.filter(({ quality }) => quality === 'missing')).toHaveLength(2);
});

it('one of frozen indexes stays missing: whether the meter told of an alarm in it is not known any more', async () => {
  const { before, after } = await withoutRecords([3], true);
  expect(before[3]?.quality).toBe('measured');
  expect(after.map(({ quality }, n) => (quality === 'missing' ? n : -1)).filter((n) => n >= 0)).toEqual([3]);
});
