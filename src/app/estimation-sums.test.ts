import fc from 'fast-check';
import { expect, it } from 'vitest';
import { add, compare, type Decimal, decimal, decimalText, isNegative, subtract, ZERO } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { Reading } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, POWER, powerDay, powerPlan } from './app.testkit.ts';
import { createProfiler } from './profiler.ts';

/**
 * Whatever is missing of a day, and however often it is finished again with more of it: what is estimated adds up to what the
 * index says, to the last digit, between any two indexes that are known; days of 23 and 25 hours as well.
 */

const CAPACITY = decimal(1_000);
/** In thousandths, of one interval. */
const ADVANCE_MAX = 20_000;

interface Story {
  readonly commodity: 'gas' | 'electricity';
  readonly day: string;
  readonly linearMinutesMax: number;
  readonly scaled: boolean;
  /** The meter freezes its index; otherwise it is read around each boundary. */
  readonly stores: boolean;
  /** Advances of the day and of the same day a week before, in turn. */
  readonly advances: readonly number[];
  /** Boundaries of the day that are not known at first, by their part of it: as many gaps as there are neighbours. */
  readonly lost: readonly number[];
  /** How many of them the archive delivers afterwards. */
  readonly delivered: number;
  /** Samples before this part of the day are given up then. */
  readonly givenUp: number;
}

const part = fc.double({ min: 0.001, max: 0.999, noNaN: true });
const story: fc.Arbitrary<Story> = fc.record({
  commodity: fc.constantFrom('gas', 'electricity'),
  day: fc.constantFrom('2026-03-28', '2026-03-29', '2026-10-24', '2026-10-25', '2026-06-10'),
  linearMinutesMax: fc.constantFrom(15, 60, 180, 1_500),
  scaled: fc.boolean(),
  stores: fc.boolean(),
  advances: fc.array(fc.integer({ min: 0, max: ADVANCE_MAX }), { minLength: 7, maxLength: 60 }),
  lost: fc.array(part, { minLength: 1, maxLength: 40 }),
  delivered: fc.nat({ max: 40 }),
  givenUp: part,
});

interface Meter {
  readonly edges: readonly UtcMs[];
  readonly indexes: ReadonlyMap<UtcMs, Decimal>;
}

function meterOf(days: readonly Span[], minutes: number, { advances }: Story): Meter {
  let counted = 1_234_567;
  let turn = 0;
  const indexes = new Map<UtcMs, Decimal>();
  const edges = days.flatMap((day) => [...cut(day, minutes).map(({ start }) => start), day.end]);
  for (const edge of edges) {
    indexes.set(edge, decimal(counted, -3));
    counted += advances[turn++ % advances.length]!;
  }
  return { edges, indexes };
}

const sum = (intervals: readonly Interval[]) => intervals.reduce((total, { value }) => add(total, value ?? ZERO), ZERO);

/** Between neighbouring indexes that are known every value adds up, where there is one at all. */
function expectExact(intervals: readonly Interval[], { edges, indexes }: Meter, known: (at: UtcMs) => boolean): void {
  const firm = edges.filter((at) => at >= intervals[0]!.start && known(at));
  for (const [n, to] of firm.entries()) {
    const from = firm[n - 1];
    if (from === undefined) continue;
    const within = intervals.filter(({ start }) => start >= from && start < to);
    const valued = within.filter(({ value }) => value);
    expect([0, within.length]).toContain(valued.length);
    if (valued.length === 0) continue;
    const passed = subtract(indexes.get(to)!, indexes.get(from)!);
    expect(decimalText(subtract(sum(within), passed))).toMatch(/^0(\.0+)?$/);
    expect(within.some(({ value }) => value && isNegative(value))).toBe(false);
    if (within.length === 1) expect(within[0]!.quality).not.toBe('estimated');
  }
}

async function play(told: Story): Promise<void> {
  const isGas = told.commodity === 'gas';
  const of = isGas ? gasDay : powerDay;
  const minutes = isGas ? 60 : 15;
  const day = of(told.day);
  const weekBefore = of(new Date(Date.parse(`${told.day}T12:00Z`) - 7 * 24 * HOUR_MS).toISOString().slice(0, 10));
  const quantity = isGas ? 'volume.base.total' : 'energy.active.import';
  const unit = isGas ? 'm3' : 'kWh';
  const meter = meterOf([weekBefore, day], minutes, told);
  const counters = [{ device: 'meter', quantity, unit, stores: told.stores } as const];
  const plan = isGas ? aPlan({ counters }) : powerPlan({ counters });
  const { linearMinutesMax, scaled } = told;
  const point = aPoint(
    { ...plan, capacityPerHour: CAPACITY },
    { estimation: { linearMinutesMax, scaled, likeDay: false } },
  );

  const frozen = (at: UtcMs) => aReading(at, meter.indexes.get(at)!, { quantity, unit });
  const read = (at: UtcMs): Reading[] =>
    told.stores
      ? [frozen(at)]
      : [-30, 30].map((s) => ({ ...frozen(at), at: at + s * 1_000, source: 'sampled' as const }));
  const inner = meter.edges.filter((at) => at > day.start && at < day.end);
  const lost = new Set(told.lost.map((share) => inner[Math.floor(share * inner.length)]!));

  const made = await bench(day.end + 24 * HOUR_MS);
  const profiler = createProfiler({ ...made, site: aSite(), points: [point] });
  const channel = plan.channel;
  const look = async (known: (at: UtcMs) => boolean) => {
    await profiler.follow();
    await profiler.finish(point, day);
    const intervals = await made.buffer.intervals(isGas ? GAS : POWER, channel, day);
    expect(intervals).toHaveLength(inner.length + 1);
    expectExact(intervals, meter, known);
    return intervals;
  };
  const asked = meter.edges.filter((at) => !lost.has(at) && (scaled || at >= day.start));
  await made.buffer.keepRound(asked.flatMap(read));
  await profiler.follow();
  if (scaled) await profiler.finish(point, weekBefore);
  const first = await look((at) => !lost.has(at));
  // All of it is known where the rule reaches so far: nothing is left open that need not be.
  if (linearMinutesMax === 1_500) expect(first.every(({ value }) => value)).toBe(true);

  const olderThan = day.start + Math.floor((told.givenUp * (day.end - day.start)) / MINUTE_MS) * MINUTE_MS;
  await made.buffer.trim('samples', { olderThan, now: made.clock.now(), entriesMax: 10_000 });
  const again = await look((at) => !lost.has(at));
  expect(decimalText(subtract(sum(again), sum(first)))).toMatch(/^0(\.0+)?$/);

  const late = new Set([...lost].slice(0, told.delivered));
  await made.buffer.keepRound([...late].map(frozen));
  const last = await look((at) => !lost.has(at) || late.has(at));
  if (late.size === lost.size) {
    expect(last.every(({ quality }) => quality !== 'estimated')).toBe(true);
    const passed = subtract(meter.indexes.get(day.end)!, meter.indexes.get(day.start)!);
    expect(compare(sum(last), passed)).toBe(0);
  }
}

it('estimates add up to the index between whatever is known', async () => {
  await fc.assert(fc.asyncProperty(story, play), { numRuns: 20 });
}, 240_000);
