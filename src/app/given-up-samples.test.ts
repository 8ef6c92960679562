import { describe, expect, it } from 'vitest';
import { add, decimal, decimalText, ZERO } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { MeterFlag, Reading } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS, type UtcMs } from '../core/time.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, told } from './app.testkit.ts';
import type { PointPlan } from './plan.ts';
import { createProfiler } from './profiler.ts';

const DAY = gasDay('2026-06-10');
const at = (hour: number) => DAY.start + hour * HOUR_MS;
const site = aSite();
const sampled = { device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores: false } as const;
const sampledPoint = aPoint(aPlan({ counters: [sampled] }));

/** What was kept, and what is there when samples before an instant were given up, as a full disk does. */
async function finished(point: PointPlan, readings: readonly Reading[]) {
  const made = await bench(DAY.end + 26 * HOUR_MS);
  const { buffer, clock } = made;
  const profiler = createProfiler({ site, points: [point], buffer, clock });
  for (const reading of readings) await buffer.keepRound([reading]);
  await profiler.follow();
  const finish = async () => {
    await profiler.finish(point, DAY);
    return buffer.intervals(GAS, 'volume', DAY);
  };
  const giveUpBefore = async (olderThan: UtcMs) => {
    const { records } = await buffer.trim('samples', { olderThan, now: clock.now(), entriesMax: 1_000 });
    expect(records).toBeGreaterThan(0);
  };
  return { ...made, profiler, before: await finish(), finish, giveUpBefore };
}

/** Nothing but the last minute of each hour is used: 1.2 m3. An index 20 minutes before the hour says so. */
function usedAtTheEnd(flags: readonly MeterFlag[] = []): Reading[] {
  const edges = [...cut(DAY, 60).map(({ start }) => start), DAY.end];
  return edges.flatMap((edge, n) => {
    const passed = (litres: number) => decimal(1_000_000 + 1_200 * n + litres, -3);
    return [
      aReading(edge - 20 * MINUTE_MS, passed(-1_200)),
      aReading(edge - 10 * SECOND_MS, passed(-200), { source: 'sampled', flags }),
      aReading(edge + 10 * SECOND_MS, passed(0), { source: 'sampled', flags }),
    ];
  });
}

const sum = (intervals: readonly Interval[]) =>
  decimalText(intervals.reduce((total, { value }) => add(total, value ?? ZERO), ZERO));

describe('a computed boundary whose nearest sample was given up', () => {
  it('is not computed again of one that lies further off, though the gap allows it', async () => {
    const { before, finish, giveUpBefore } = await finished(sampledPoint, usedAtTheEnd());
    expect(before.map(told)[8]).toMatchObject({ value: '1.200', quality: 'computed' });
    await giveUpBefore(at(8));
    expect(await finish()).toEqual(before);
  });

  it('is not when something near it comes late', async () => {
    const { buffer, profiler, before, giveUpBefore } = await finished(sampledPoint, usedAtTheEnd());
    await giveUpBefore(at(8));
    await buffer.keepRound([aReading(at(8) - 10 * MINUTE_MS, '1008.400')]);
    await profiler.follow();
    expect(await buffer.intervals(GAS, 'volume', DAY)).toEqual(before);
  });

  it('holds what it was where the other end gets better, so that the day still adds up', async () => {
    const { buffer, profiler, before, finish, giveUpBefore } = await finished(sampledPoint, usedAtTheEnd());
    await giveUpBefore(at(9));
    await buffer.keepRound([aReading(at(9), '1010.750'), aReading(at(10), '1011.950')]);
    await profiler.follow();
    const after = await finish();
    expect(after.map(told)[8]!.value).toBe('1.250');
    expect(after.map(told)[9]).toMatchObject({ value: '1.200', quality: 'measured' });
    expect(sum(after)).toBe(sum(before));
  });

  it('gives way to one that lies nearer still', async () => {
    const { buffer, profiler, giveUpBefore } = await finished(sampledPoint, usedAtTheEnd());
    await giveUpBefore(at(8));
    const near = [-1, 1].map((s) => aReading(at(8) + s * SECOND_MS, '1009.450', { source: 'sampled' }));
    await buffer.keepRound(near);
    await profiler.follow();
    const [seven, eight] = (await buffer.intervals(GAS, 'volume', DAY)).slice(7, 9).map(told);
    expect([seven!.value, eight!.value]).toEqual(['1.150', '1.250']);
  });
});

describe('an interval whose samples were given up', () => {
  it('is flagged still when its day is finished again: the meter did report trouble', async () => {
    const edges = [...cut(DAY, 60).map(({ start }) => start), DAY.end].map((edge, n) =>
      aReading(edge, decimal(1_000_000 + 1_500 * n, -3)),
    );
    const alarm = aReading(at(3) + 30 * MINUTE_MS, '1005.250', { source: 'sampled', flags: ['alarm'] });
    const { before, finish, giveUpBefore } = await finished(aPoint(), [...edges, alarm]);
    expect(before[3]).toMatchObject({ quality: 'flagged', findings: ['meter-alarm'] });
    await giveUpBefore(at(4));
    expect(await finish()).toEqual(before);
  });

  it.each([
    ['all of it', at(6)],
    ['the first half of an hour', at(5) + 31 * MINUTE_MS],
  ])('keeps the base volume of its pressure: %s', async (_, olderThan) => {
    const edges = [...cut(DAY, 60).map(({ start }) => start), DAY.end].map((edge, n) =>
      aReading(edge, decimal(1_000_000 + 1_500 * n, -3), { quantity: 'volume.operating.total' }),
    );
    const pressures = cut(DAY, 60).flatMap(({ start }) =>
      [15, 45].map((minute) =>
        aReading(start + minute * MINUTE_MS, decimal(300 + minute), {
          quantity: 'pressure',
          kind: 'instantaneous',
          unit: 'kPa',
          source: 'sampled',
        }),
      ),
    );
    const operating = { device: 'meter', quantity: 'volume.operating.total', unit: 'm3', stores: true } as const;
    const plan = aPlan({ counters: [operating], conversion: { method: 'fixed', ratio: decimal(1) } });
    const point = aPoint(plan, { fixedState: { temperatureC: decimal(15) } });
    const { before, finish, giveUpBefore } = await finished(point, [...edges, ...pressures]);
    expect(before.every(({ value }) => value)).toBe(true);
    await giveUpBefore(olderThan);
    expect(await finish()).toEqual(before);
  });
});
