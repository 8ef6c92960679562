import { counterDifference } from '../core/counter.ts';
import { add, compare, type Decimal, decimal, divide, equal, multiply, subtract, ZERO } from '../core/decimal.ts';
import { type Boundary, CHANNEL_UNIT, type Interval, type IntervalOrigin } from '../core/interval.ts';
import { convert, type Quantity, UNITS } from '../core/quantity.ts';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';
import type { FindingCode } from './findings.ts';
import { type ChannelPlan, multiplierAt } from './interval.ts';

/** Limits of the rules that look beyond one interval; a rule without its limit is off. */
export interface Limits {
  readonly zeroRunHours?: number;
  readonly staleMinutes: number;
  readonly estimatedHoursMax: number;
  /** By how much a sum may miss the index difference, in the channel's unit. */
  readonly sumTolerance: Decimal;
  /** How far the meter's clock may be off while its stamps are believed. */
  readonly clockOffMsMax: Millis;
}

/** A day that is over, as the rules see it. */
export interface DayView {
  readonly plan: ChannelPlan;
  readonly limits: Limits;
  readonly day: Span;
  /** The day's intervals as they will stand, in order. */
  readonly intervals: readonly Interval[];
  /** Those before the day, in order, as far back as a run may reach. */
  readonly earlier: readonly Interval[];
  /** Readings of each counter of the plan, in order, a little beyond the day on both sides. */
  readonly counters: ReadonlyMap<Quantity, readonly Reading[]>;
  /** Readings that contradict others. */
  readonly conflicts: readonly Reading[];
  /** Flow or power as the meter showed it, in order. */
  readonly activity: readonly Reading[];
  /** The counter of disturbed volume, whether or not the plan adds it up. */
  readonly disturbed: readonly Reading[];
  /** Nothing passes this way most of the time, and that is well: the other direction of a point that publishes both. */
  readonly mayRest?: boolean;
}

type Found = readonly [interval: Interval, code: FindingCode];

/** What the rules of the day found, by the start of the interval. */
export function judgeDay(view: DayView): ReadonlyMap<UtcMs, readonly FindingCode[]> {
  const found = [
    ...contradicted(view),
    ...wallStepped(view),
    ...archiveDiffers(view),
    ...runs(view),
    ...stale(view),
    ...disturbedGrowth(view),
    ...sumDiffers(view, view.day, view.intervals, 'day-sum-differs'),
  ];
  const byStart = new Map<UtcMs, FindingCode[]>();
  for (const [{ start }, code] of found) {
    const codes = byStart.get(start) ?? [];
    if (!codes.includes(code)) byStart.set(start, [...codes, code]);
  }
  return byStart;
}

function contradicted({ intervals, conflicts }: DayView): Found[] {
  if (conflicts.length === 0) return [];
  const instants = new Set(conflicts.map(({ quantity, at }) => `${quantity} ${at}`));
  return intervals
    .filter(({ origins }) =>
      origins.some(({ quantity, from, to }) =>
        [...from.readings, ...to.readings].some((at) => instants.has(`${quantity} ${at}`)),
      ),
    )
    .map((interval) => [interval, 'contradicted']);
}

/** An interval is surely as long as it says only where the meter's own clock froze both its edges. */
function wallStepped({ intervals, counters }: DayView): Found[] {
  const steps = [...counters].flatMap(([quantity, readings]) =>
    readings.flatMap(({ flags, at }, n) =>
      flags.includes('wall-stepped') ? [{ quantity, since: readings[n - 1]?.at ?? at, at }] : [],
    ),
  );
  return intervals
    .filter(({ start, end, origins, quality }) => {
      const sampled = origins.filter(({ from, to }) => [from, to].some(({ source }) => source === 'interpolated'));
      const rests = (quantity: Quantity) =>
        quality === 'missing' || sampled.some((origin) => origin.quantity === quantity);
      return steps.some(({ quantity, since, at }) => since < end && at > start && rests(quantity));
    })
    .map((interval) => [interval, 'wall-stepped']);
}

/** A counter only grows: what the meter froze must lie between what it showed before and after. */
function archiveDiffers({ intervals, counters, limits }: DayView): Found[] {
  const sampled = new Map(
    [...counters].map(([quantity, readings]) => [quantity, readings.filter(({ source }) => source === 'sampled')]),
  );
  return intervals
    .filter(({ origins }) =>
      origins.some(
        ({ quantity, to }) =>
          to.source === 'stored' && !liesBetween(to, sampled.get(quantity) ?? [], limits.clockOffMsMax),
      ),
    )
    .map((interval) => [interval, 'archive-differs']);
}

/** Samples nearer than the meter's clock may be off prove nothing; neither does the place a coarser index does not show. */
function liesBetween({ at, index, meterSince }: Boundary, all: readonly Reading[], clockOffMsMax: Millis): boolean {
  const samples = all.filter((sample) => sample.meterSince === meterSince);
  const before = samples.findLast((sample) => sample.at + sample.uncertaintyMs <= at - clockOffMsMax);
  const after = samples.find((sample) => sample.at - sample.uncertaintyMs >= at + clockOffMsMax);
  const unit = (sample: Reading) => decimal(1, Math.max(sample.value.exponent, index.exponent));
  // A rollover between them is for the rule of the interval's own edges.
  if (before && after && compare(after.value, before.value) < 0) return true;
  if (before && compare(add(index, unit(before)), before.value) <= 0) return false;
  return !after || compare(subtract(index, unit(after)), after.value) < 0;
}

function runs({ intervals, earlier, limits, mayRest }: DayView): Found[] {
  const found: Found[] = [];
  const rules: readonly [code: FindingCode, hours: number | undefined, matches: (interval: Interval) => boolean][] = [
    ['zero-run', mayRest ? undefined : limits.zeroRunHours, ({ value }) => value !== undefined && equal(value, ZERO)],
    ['estimated-too-long', limits.estimatedHoursMax, ({ quality }) => quality === 'estimated'],
  ];
  for (const [code, hours, matches] of rules) {
    if (hours === undefined) continue;
    let began: UtcMs | undefined;
    let last: UtcMs | undefined;
    for (const interval of [...earlier, ...intervals]) {
      const goesOn = began !== undefined && last === interval.start && matches(interval);
      began = goesOn ? began : matches(interval) ? interval.start : undefined;
      last = interval.end;
      if (began !== undefined && interval.end - began > hours * HOUR_MS && intervals.includes(interval))
        found.push([interval, code]);
    }
  }
  return found;
}

/** The index stood still over a stated time in which the least flow or power that was shown would have moved it. */
function stale({ plan, intervals, earlier, activity, limits, counters }: DayView): Found[] {
  if (activity.length === 0) return [];
  const lengthMs = limits.staleMinutes * MINUTE_MS;
  const all = [...earlier, ...intervals];
  return intervals.flatMap((interval): Found[] => {
    const from = interval.end - lengthMs;
    const within = all.filter(({ start, end }) => end > from && start < interval.end);
    const stands = within.length > 0 && within[0]!.start <= from && within.every(({ value }) => isZero(value));
    const shown = activity.filter(({ at }) => at >= from && at < interval.end);
    if (!stands || shown.length === 0) return [];
    const least = shown.map(perHour).reduce((a, b) => (compare(a, b) < 0 ? a : b));
    const expected = divide(multiply(least, decimal(limits.staleMinutes)), decimal(60), 6);
    return compare(expected, indexStep(plan, interval, counters)) > 0 ? [[interval, 'stale']] : [];
  });
}

/** In m3/h or kW. */
function perHour({ value, unit }: Reading): Decimal {
  return UNITS[unit].dimension === 'power' ? convert(value, unit, 'kW') : value;
}

/**
 * Two steps of the index's last digit, in the channel's unit: less may pass without being seen. The digit is the meter's own: an
 * index that lies between two samples has more than the meter shows. And no multiplier: power or flow and index are of one meter.
 */
function indexStep(plan: ChannelPlan, { origins }: Interval, counters: DayView['counters']): Decimal {
  return plan.counters
    .flatMap(({ quantity, unit }) =>
      origins
        .filter((origin) => origin.quantity === quantity)
        .map(({ to }) => {
          const shown = (counters.get(quantity) ?? []).map(({ value }) => value.exponent);
          const exponent = shown.length === 0 ? to.index.exponent : shown.reduce((a, b) => Math.min(a, b));
          return convert(decimal(2, exponent), unit, CHANNEL_UNIT[plan.channel]);
        }),
    )
    .reduce(add, ZERO);
}

function isZero(value: Decimal | undefined): boolean {
  return value !== undefined && equal(value, ZERO);
}

function disturbedGrowth({ intervals, disturbed }: DayView): Found[] {
  return intervals.flatMap((interval): Found[] => {
    const from = disturbed.findLast(({ at }) => at <= interval.start);
    const to = disturbed.find(({ at }) => at >= interval.end) ?? disturbed.at(-1);
    const isOneMeter = from?.meterSince === to?.meterSince;
    const grew = from && to && isOneMeter && to.at > from.at && compare(to.value, from.value) > 0;
    // Between two readings far apart it is not known which interval the growth belongs to: all of them are told.
    return grew ? [[interval, 'disturbed-growth']] : [];
  });
}

/**
 * The values of a span against what its counters advanced: told on its last interval. Nothing is said while a value is missing
 * (that is told already), an index at the span's ends is not known, or the multiplier or the meter changed inside.
 */
export function sumDiffers(
  { plan, limits }: Pick<DayView, 'plan' | 'limits'>,
  span: Span,
  intervals: readonly Interval[],
  code: FindingCode,
): Found[] {
  const last = intervals.at(-1);
  const multiplier = multiplierAt(plan, span.start);
  const isWhole = intervals[0]?.start === span.start && last?.end === span.end;
  const isOne = multiplier !== undefined && multiplierAt(plan, span.end - 1) === multiplier;
  if (!last || !isWhole || plan.conversion || !isOne) return [];
  const advanced = advanceOver(plan, span, intervals);
  if (!advanced || intervals.some(({ value }) => !value)) return [];
  const sum = intervals.reduce((total, { value }) => add(total, value ?? ZERO), ZERO);
  const miss = subtract(sum, multiply(advanced, multiplier));
  const isFar = compare(miss, limits.sumTolerance) > 0 || compare(subtract(ZERO, miss), limits.sumTolerance) > 0;
  return isFar ? [[last, code]] : [];
}

function advanceOver(plan: ChannelPlan, span: Span, intervals: readonly Interval[]): Decimal | undefined {
  const origins = intervals.flatMap((interval) => interval.origins);
  let total = ZERO;
  for (const { device, quantity, unit, rollover } of plan.counters) {
    const own = origins.filter((origin) => origin.device === device && origin.quantity === quantity);
    const from = edgeAt(own, span.start);
    const to = edgeAt(own, span.end);
    if (from?.meterSince !== to?.meterSince) return undefined;
    const difference = from && to && counterDifference(from.index, to.index, rollover, undefined);
    if (difference?.kind !== 'advance') return undefined;
    total = add(total, convert(difference.value, unit, CHANNEL_UNIT[plan.channel]));
  }
  return total;
}

function edgeAt(origins: readonly IntervalOrigin[], at: UtcMs): Boundary | undefined {
  return origins.flatMap(({ from, to }) => [from, to]).find((boundary) => boundary.at === at);
}
