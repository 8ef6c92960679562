import { describe, expect, it } from 'vitest';
import { decimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { Reading } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS, type Span, type UtcMs } from '../core/time.ts';
import type { EstimationRule } from '../profile/estimate.ts';
import { entryOf } from '../profile/findings.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, POWER, powerDay, powerPlan } from './app.testkit.ts';
import type { PointPlan } from './plan.ts';
import { createProfiler } from './profiler.ts';

/**
 * A sound meter gives no reason to look, whatever else happens: days of 23 and 25 hours, the first day, an outage, an archive that
 * delivers late, another meter in its place. All rules are on, and as sharp as a site file can make them for such a load.
 */

const STEP_MS = 10 * MINUTE_MS;
/** Nothing is used for six hours of each day. */
const IDLE_HOURS = 6;

interface Meter {
  readonly commodity: 'gas' | 'electricity';
  readonly day: string;
  /** It freezes its index at each boundary; otherwise it is read just before and just after it. */
  readonly stores: boolean;
  /** Places after the point that its register shows. */
  readonly decimals: number;
  /** In a thousandth of its unit for each hour that something is used in. */
  readonly milliPerHour: number;
}

/** What a meter's register counted until an instant, in thousandths: constant load, but for the first six hours of each day. */
function countedAt({ commodity, milliPerHour }: Meter, days: readonly Span[], at: UtcMs): number {
  const used = days.reduce((sum, { start, end }) => {
    const from = start + IDLE_HOURS * HOUR_MS;
    return sum + Math.max(0, Math.min(at, end) - from);
  }, 0);
  return (commodity === 'gas' ? 1_000_000 : 5_000_000) + Math.floor((used * milliPerHour) / HOUR_MS);
}

function spansOf({ commodity, day }: Meter): readonly [before: Span, day: Span] {
  const of = commodity === 'gas' ? gasDay : powerDay;
  const span = of(day);
  const eve = of(new Date(Date.parse(`${day}T12:00Z`) - 24 * HOUR_MS).toISOString().slice(0, 10));
  return [eve, span];
}

/** All that is read of a meter over two days and a little more; `seen` tells which of it. */
function readingsOf(meter: Meter, seen: (at: UtcMs, source: Reading['source']) => boolean): Reading[] {
  const { commodity, stores, decimals, milliPerHour } = meter;
  const [eve, day] = spansOf(meter);
  const minutes = commodity === 'gas' ? 60 : 15;
  const quantity = commodity === 'gas' ? 'volume.base.total' : 'energy.active.import';
  const unit = commodity === 'gas' ? 'm3' : 'kWh';
  const index = (at: UtcMs) => {
    const shown = Math.floor(countedAt(meter, [eve, day], at) / 10 ** (3 - decimals));
    return decimal(shown, -decimals);
  };
  const isIdle = (at: UtcMs) => [eve, day].some(({ start }) => at >= start && at < start + IDLE_HOURS * HOUR_MS);
  const read = (at: UtcMs, source: Reading['source']) => aReading(at, index(at), { quantity, unit, source });
  const edges = cut({ start: eve.start, end: day.end }, minutes).map(({ start }) => start);
  const readings: Reading[] = [];
  for (const at of [...edges, day.end]) {
    if (stores) readings.push(read(at, 'stored'));
    for (const lag of [-10, 10]) readings.push(read(at + lag * SECOND_MS, 'sampled'));
  }
  for (let at = eve.start + 5 * MINUTE_MS; at < day.end; at += STEP_MS) {
    readings.push(read(at, 'sampled'));
    const activity = { kind: 'instantaneous', source: 'sampled' } as const;
    const flow = decimal(isIdle(at) ? 0 : milliPerHour, -3);
    readings.push(
      commodity === 'gas'
        ? aReading(at, flow, { ...activity, quantity: 'flow.base', unit: 'm3/h' })
        : aReading(at, flow, { ...activity, quantity: 'power.active', unit: 'kW' }),
      aReading(at, '17', { quantity: 'volume.base.disturbed', source: 'sampled' }),
    );
  }
  return readings.filter(({ at, source }) => seen(at, source));
}

function pointOf({ commodity, stores }: Meter, estimation?: EstimationRule): PointPlan {
  const isGas = commodity === 'gas';
  const own = { device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores } as const;
  const plan = isGas
    ? aPlan({ counters: [own] })
    : powerPlan({ counters: [{ ...own, quantity: 'energy.active.import', unit: 'kWh' }] });
  return aPoint(plan, {
    limits: {
      zeroRunHours: IDLE_HOURS + 2,
      staleMinutes: 60,
      estimatedHoursMax: 2,
      sumTolerance: decimal(0),
      clockOffMsMax: MINUTE_MS,
    },
    watch: {
      device: 'meter',
      activity: isGas ? 'flow.base' : 'power.active',
      ...(isGas && { disturbed: 'volume.base.disturbed' as const }),
    },
    ...(estimation && { estimation }),
  });
}

/** The day after each round of readings was followed and the day finished. */
async function finished(meter: Meter, rounds: readonly (readonly Reading[])[], estimation?: EstimationRule) {
  const [eve, day] = spansOf(meter);
  const made = await bench(day.end + 24 * HOUR_MS);
  const point = pointOf(meter, estimation);
  const profiler = createProfiler({ ...made, site: aSite(), points: [point] });
  const code = meter.commodity === 'gas' ? GAS : POWER;
  const looks: Interval[][] = [];
  for (const round of rounds) {
    await made.buffer.keepRound(round);
    await profiler.follow();
    for (const span of [eve, day]) await profiler.finish(point, span);
    looks.push(await made.buffer.intervals(code, point.counted[0]!.channel, day));
  }
  return looks;
}

/** The last day of a month, and those of the switch to and from summer time. */
const DAYS = {
  gas: ['2026-06-30', '2026-03-28', '2026-10-24'],
  electricity: ['2026-06-30', '2026-03-29', '2026-10-25'],
} as const;
const METERS: Meter[] = (['gas', 'electricity'] as const).flatMap((commodity) =>
  DAYS[commodity].flatMap((day) => [
    { commodity, day, stores: true, decimals: 3, milliPerHour: 12_345 },
    // The slower it counts, the more a coarse register looks as if it stood still.
    { commodity, day, stores: false, decimals: 0, milliPerHour: 800 },
  ]),
);
const NAMED = METERS.map((meter) => [JSON.stringify(meter), meter] as const);
const LINEAR = { linearMinutesMax: 1440, scaled: false, likeDay: false };

/** Start, quality and what somebody should look at of it. */
const doubts = (intervals: readonly Interval[]) =>
  intervals
    .map(({ findings, quality }) => [quality, ...findings.filter((code) => entryOf(code)?.level === 'doubt')])
    .filter((one) => one.length > 1);

describe.each(NAMED)('%s', (_, meter) => {
  const [, day] = spansOf(meter);
  const isHole = (at: UtcMs) => at > day.start + 9.2 * HOUR_MS && at < day.start + 14.7 * HOUR_MS;

  it('a whole day', async () => {
    const [intervals] = await finished(meter, [readingsOf(meter, () => true)]);
    expect(intervals!.every(({ value }) => value)).toBe(true);
    expect(doubts(intervals!)).toEqual([]);
  });

  it('the first day, of which the morning was not seen', async () => {
    const from = day.start + 8.4 * HOUR_MS;
    const [intervals] = await finished(meter, [readingsOf(meter, (at) => at > from)]);
    expect(doubts(intervals!)).toEqual([]);
    expect(intervals!.filter(({ start }) => start >= from).every(({ value }) => value)).toBe(true);
  });

  it('an outage, and the archive that is read after it', async () => {
    const before = readingsOf(meter, (at) => !isHole(at));
    const archive = readingsOf(meter, (at, source) => isHole(at) && source === 'stored');
    const [gap, whole] = await finished(meter, [before, archive]);
    expect(doubts(gap!)).toEqual([]);
    expect(gap!.some(({ quality }) => quality === 'missing')).toBe(true);
    expect(doubts(whole!)).toEqual([]);
    if (meter.stores) expect(whole!.every(({ quality }) => quality === 'measured')).toBe(true);
  });

  it('an outage that is estimated: only how long, until the archive delivers', async () => {
    const before = readingsOf(meter, (at) => !isHole(at));
    const archive = readingsOf(meter, (at, source) => isHole(at) && source === 'stored');
    const [gap, whole] = await finished(meter, [before, archive], LINEAR);
    expect(gap!.every(({ value }) => value)).toBe(true);
    expect(new Set(doubts(gap!).map((one) => one.join()))).toEqual(new Set(['estimated,estimated-too-long']));
    if (meter.stores) expect(doubts(whole!)).toEqual([]);
  });

  it('another meter in its place', async () => {
    const swap = day.start + 10.6 * HOUR_MS;
    const readings = readingsOf(meter, () => true).map((reading): Reading => {
      if (reading.at < swap || reading.kind !== 'counter') return reading;
      const { coefficient, exponent } = reading.value;
      const index = decimal(Number(coefficient) - 900_000 * 10 ** (-exponent - 3), exponent);
      return { ...reading, value: index, meterSince: swap };
    });
    const [intervals] = await finished(meter, [readings]);
    expect(doubts(intervals!)).toEqual([]);
    expect(intervals!.filter(({ value }) => !value)).toHaveLength(1);
  });
});

describe('the other direction of a point', () => {
  const [, day] = spansOf(METERS[0]!);
  const importing = powerPlan();
  const exporting = powerPlan({
    channel: 'export',
    counters: [{ device: 'meter', quantity: 'energy.active.export', unit: 'kWh', stores: true }],
  });

  async function restingExport(counted: readonly (typeof exporting)[]): Promise<Interval[]> {
    const made = await bench(day.end + HOUR_MS);
    const { limits } = pointOf(METERS[0]!);
    const point = aPoint(importing, { limits, counted, published: counted.map(({ channel }) => channel) });
    const edges = [...cut(day, 15).map(({ start }) => start), day.end];
    const unit = { unit: 'kWh', source: 'stored' } as const;
    await made.buffer.keepRound(
      edges.flatMap((at, n) => [
        aReading(at, decimal(1_000 + n), { ...unit, quantity: 'energy.active.import' }),
        aReading(at, '7', { ...unit, quantity: 'energy.active.export' }),
      ]),
    );
    await createProfiler({ ...made, site: aSite(), points: [point] }).finish(point, day);
    return made.buffer.intervals(POWER, 'export', day);
  }

  it('may rest for days where it takes as well as gives', async () => {
    expect(doubts(await restingExport([importing, exporting]))).toEqual([]);
  });

  it('may not where giving is all that is told of it', async () => {
    const found = doubts(await restingExport([exporting]));
    expect(new Set(found.map((one) => one.join()))).toEqual(new Set(['measured,zero-run']));
  });
});

it.each([
  ['2026-03', 743],
  ['2026-10', 745],
  ['2026-06', 720],
])('the month of %s, of %d hours, adds up; a thousandth more is told on its last day', async (month, count) => {
  const days = Array.from({ length: 31 }, (_, n) => `${month}-${String(n + 1).padStart(2, '0')}`).filter(
    (day) => !Number.isNaN(Date.parse(day)) && day !== '2026-06-31',
  );
  const [first, last] = [gasDay(days[0]!), gasDay(days.at(-1)!)];
  const made = await bench(last.end + HOUR_MS);
  const hours = cut({ start: first.start, end: last.end }, 60);
  expect(hours).toHaveLength(count);
  const edges = [...hours.map(({ start }) => start), last.end];
  await made.buffer.keepRound(edges.map((at, n) => aReading(at, decimal(1_000_000 + n * n, -3))));
  const point = aPoint();
  const profiler = createProfiler({ ...made, site: aSite(), points: [point] });
  await profiler.follow();
  const found = async () => {
    await profiler.finish(point, last);
    return doubts(await made.buffer.intervals(GAS, 'volume', last));
  };
  expect(await found()).toEqual([]);
  const [one] = await made.buffer.intervals(GAS, 'volume', hours[100]!);
  const value = decimal(2 * 100 + 1 + 1, -3);
  await made.buffer.keepIntervals([{ ...one!, value, quality: 'substituted', version: 2 }]);
  expect(await found()).toEqual([['measured', 'month-sum-differs']]);
});
