import type { LedgerRow } from '../buffer/index.ts';
import { offsetMinutes } from '../core/calendar.ts';
import type { Decimal } from '../core/decimal.ts';
import type { Interval, Quality } from '../core/interval.ts';
import { cut, lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import { exceedsCapacity, exceedsSpikeLimit } from '../profile/capacity.ts';
import type { SeenState } from '../profile/conversion.ts';
import { afterNegative, type Stands } from '../profile/dip.ts';
import { type Estimate, type EstimationRule, estimateGap } from '../profile/estimate.ts';
import { entryOf, isDayFinding } from '../profile/findings.ts';
import { type ChannelPlan, makeInterval } from '../profile/interval.ts';
import { edgesOf, type FindIndex } from './edges.ts';
import type { FinishParts } from './finish-day.ts';
import { edgesOfGaps } from './gap-edges.ts';
import { isOfLength } from './other-length.ts';
import type { PointPlan } from './plan.ts';
import { isForPersonCode, isOpen } from './versions.ts';

const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;
/** A gap is followed so far over the ends of its day. */
const REACH_MS = WEEK_MS;
/** Like days are looked for so many weeks back. */
const WEEKS_BACK_MAX = 4;
/** How many boundaries after the first reading that ends a gap may still lie without an index. */
const EDGES_TRIED_MAX = 8;

/** A day before its gaps are filled. */
export interface DayWithGaps {
  /** As the readings give them, in order. */
  readonly intervals: readonly Interval[];
  /** As they stood until now, by their start. */
  readonly known: ReadonlyMap<UtcMs, Interval>;
  /** Where the counters stand at an instant of the day or before it, by what passed over gaps too. */
  readonly standsAt: (at: UtcMs, gaps: readonly Interval[]) => Stands | Promise<Stands>;
}

/** The day's intervals with estimates where there is no actual value and the rule of the point allows one. */
export async function fillGaps(
  parts: FinishParts,
  point: Pick<PointPlan, 'fixedState'> & { readonly estimation: EstimationRule },
  plan: ChannelPlan,
  day: Span,
  { intervals, known, standsAt }: DayWithGaps,
): Promise<Interval[]> {
  const filled = [...intervals];
  const gaps: Interval[] = [];
  const find = edgesOfGaps(parts, plan, intervals);
  for (const { from, to } of await openRuns(plan, intervals, find)) {
    const run = intervals.slice(from, to);
    if ((await isForPerson(parts, run, known)) || (await mayHaveBeenRead(parts, plan, run, known))) continue;
    const gap = await wholeGap(parts, plan, day, { start: run[0]!.start, end: run.at(-1)!.end }, find);
    const spans = cut(gap, plan.minutes);
    const over = await passedOver(parts, point, plan, gap, find);
    const passed = over?.findings.includes('multiplier-mixed') ? undefined : over;
    const whole = passed && afterNegative(plan, passed, await standsAt(gap.start, gaps));
    if (passed) gaps.push(passed);
    const like = await likeValues(parts, plan, spans);
    const estimate = estimateGap(
      { spans, ...(whole?.value && { total: whole.value }), ...(like && { like }) },
      point.estimation,
      parts.site.profile.computedDecimals,
    );
    const refused = estimate && isBeyondCapacity(plan, spans, estimate) ? ['capacity-exceeded'] : forPerson(whole);
    const first = spans.findIndex(({ start }) => start === run[0]!.start);
    run.forEach((interval, n) => {
      // What a like day said gives way to an index difference that is known now, also where no rule may divide that.
      const isRefuted = whole?.value !== undefined && interval.findings.includes('estimated-like-day');
      if (!estimate && refused.length === 0 && !isRefuted) return;
      // What a like day says is less than the index difference that was known once.
      if (!over && interval.quality === 'estimated' && interval.origins.length > 0) return;
      const next = { ...interval, version: (known.get(interval.start)?.version ?? 0) + 1, madeAt: parts.clock.now() };
      filled[from + n] =
        estimate && refused.length === 0
          ? estimated(plan, next, estimate.values[first + n]!, estimate.finding, whole)
          : { ...withoutValue(next), quality: 'missing', findings: withCodes(interval, refused), origins: [] };
    });
  }
  return filled;
}

/** Where the index over the whole gap gave the total, the estimate rests on its readings, multiplier and conversion. */
function estimated(
  plan: ChannelPlan,
  interval: Interval,
  value: Decimal,
  finding: string,
  whole: Interval | undefined,
): Interval {
  const spike = exceedsSpikeLimit(plan, interval, value) ? ['spike'] : [];
  const basis = whole?.value ? whole : undefined;
  return {
    ...withoutValue(interval),
    value,
    quality: 'estimated',
    findings: withCodes(interval, [...spike, finding]),
    origins: basis?.origins ?? [],
    ...(basis?.multiplier && { multiplier: basis.multiplier }),
    ...(basis?.conversion && { conversion: basis.conversion }),
  };
}

function withoutValue(interval: Interval): Interval {
  const { value: _, multiplier: __, conversion: ___, ...rest } = interval;
  return rest;
}

/** The shape of a like day may put into one interval what cannot have passed in it. */
function isBeyondCapacity(plan: ChannelPlan, spans: readonly Span[], { values }: Estimate): boolean {
  return values.some((value, n) => exceedsCapacity(plan, spans[n]!, value));
}

function forPerson(whole: Interval | undefined): string[] {
  return whole?.findings.filter(isForPersonCode) ?? [];
}

/** What was found about the interval itself stays; how an earlier estimate was made does not. */
function withCodes({ findings }: Interval, codes: readonly string[]): string[] {
  const own = findings.filter((code) => code !== 'spike' && entryOf(code)?.level !== 'method' && !isDayFinding(code));
  return [...new Set([...own, ...codes])];
}

/** What was refused for a reason that a person must look at stays missing, and so does what once had an actual value. */
export async function isForPerson(
  { buffer }: FinishParts,
  run: readonly Interval[],
  known: ReadonlyMap<UtcMs, Interval>,
): Promise<boolean> {
  for (const { point, channel, start, findings } of run) {
    if (findings.some(isForPersonCode)) return true;
    const last = known.get(start);
    if (!last) continue;
    const versions = last.version > 1 ? await buffer.intervalVersions(point, channel, start) : [last];
    if (versions.some((one) => !isOpen(one))) return true;
  }
  return false;
}

/** Of one of them a record is lost that may have held an actual value: what a message told of it would say if it was an estimate. */
async function mayHaveBeenRead(
  { buffer }: FinishParts,
  { point, channel }: ChannelPlan,
  run: readonly Interval[],
  known: ReadonlyMap<UtcMs, Interval>,
): Promise<boolean> {
  const spans = run.filter(({ start }) => known.get(start)?.quality !== 'estimated');
  const { rows } = await buffer.ledger([{ point, channel, spans }], 'records');
  return rows.some((row) => row.state === 'lost' && !wasEstimate(row));
}

function wasEstimate({ deliveries }: LedgerRow): boolean {
  const [newest] = [...deliveries].sort((a, b) => b.version - a.version);
  return newest?.told?.endsWith(` ${'estimated' satisfies Quality}`) ?? false;
}

/** Runs of neighbours without an actual value, as positions; an index that is known between two of them ends a run. */
async function openRuns(
  plan: ChannelPlan,
  intervals: readonly Interval[],
  find: FindIndex,
): Promise<{ from: number; to: number }[]> {
  const runs: { from: number; to: number }[] = [];
  for (const [n, interval] of intervals.entries()) {
    if (!isOpen(interval)) continue;
    const last = runs.at(-1);
    if (last?.to === n && !(await isKnown(plan, interval.start, find))) last.to = n + 1;
    else runs.push({ from: n, to: n + 1 });
  }
  return runs;
}

async function isKnown(plan: ChannelPlan, at: UtcMs, find: FindIndex): Promise<boolean> {
  for (const counter of plan.counters) if (!(await find(counter, at))) return false;
  return true;
}

/** A gap that reaches an end of the day goes on in the neighbouring days: the index difference is known only over all of it. */
async function wholeGap(parts: FinishParts, plan: ChannelPlan, day: Span, run: Span, find: FindIndex): Promise<Span> {
  let { start, end } = run;
  if (start === day.start) {
    const before = await parts.buffer.intervals(plan.point, plan.channel, { start: start - REACH_MS, end: start });
    for (const interval of before.reverse()) {
      if (interval.end !== start || !isOpen(interval) || (await isKnown(plan, start, find))) break;
      start = interval.start;
    }
  }
  if (end === day.end) end = (await endAfter(parts, plan, end, find)) ?? end;
  return { start, end };
}

/**
 * The first boundary from `at` on with a known index; undefined while no reading has ended the gap. What was made of readings that
 * are no longer there ends it as well.
 */
async function endAfter(
  { buffer, clock }: FinishParts,
  plan: ChannelPlan,
  at: UtcMs,
  find: FindIndex,
): Promise<UtcMs | undefined> {
  if (await isKnown(plan, at, find)) return at;
  const [counter] = plan.counters;
  const next = counter && (await buffer.readingAtOrAfter(counter.device, counter.quantity, at));
  const readFrom = next && next.at - at <= REACH_MS ? lastBoundary(next.at, plan.minutes) : Number.POSITIVE_INFINITY;
  const after = await buffer.intervals(plan.point, plan.channel, { start: at, end: at + REACH_MS });
  let edge = at;
  let namesIndex = false;
  for (const interval of after) {
    if (interval.start !== edge) break;
    const mayBeKnown = namesIndex || interval.origins.length > 0 || edge >= readFrom;
    if (mayBeKnown && (await isKnown(plan, edge, find))) return edge;
    if (!isOpen(interval)) return undefined;
    namesIndex = interval.origins.length > 0;
    edge = interval.end;
  }
  const nextMade = after.find(({ start }) => start > edge)?.start ?? Number.POSITIVE_INFINITY;
  const last = Math.min(nextMade, clock.now());
  edge = Math.max(edge, readFrom);
  for (let tried = 0; tried < EDGES_TRIED_MAX && edge <= last; tried++, edge += plan.minutes * MINUTE_MS)
    if (await isKnown(plan, edge, find)) return edge;
  return Number.isFinite(nextMade) && (await isKnown(plan, nextMade, find)) ? nextMade : undefined;
}

/**
 * What the index says passed over the whole gap; without a value where it was reset, is beyond the capacity, or the multiplier
 * changed. An operating volume is converted by what the site file fixes alone: what was read in a part of a gap says little of the rest.
 */
async function passedOver(
  { clock }: FinishParts,
  { fixedState }: Pick<PointPlan, 'fixedState'>,
  plan: ChannelPlan,
  gap: Span,
  find: FindIndex,
): Promise<Interval | undefined> {
  const edges = await edgesOf(plan, gap, find);
  const state = plan.conversion && stateOf(fixedState);
  return edges && makeInterval(plan, gap, edges, clock.now(), 1, { ...(state && { state }) });
}

function stateOf({ pressureKPa, temperatureC }: PointPlan['fixedState']): SeenState | undefined {
  return pressureKPa && temperatureC && { pressureKPa, temperatureC, pressureReadings: 0, temperatureReadings: 0 };
}

/** The actual values of the same hours of the same weekday, the newest week that has them all. */
async function likeValues(
  { buffer, site }: FinishParts,
  plan: ChannelPlan,
  spans: readonly Span[],
): Promise<readonly Decimal[] | undefined> {
  for (let weeks = 1; weeks <= WEEKS_BACK_MAX; weeks++) {
    const starts = spans.map(({ start }) => sameLocalTime(start, start - weeks * WEEK_MS, site.zone));
    const range = { start: Math.min(...starts), end: Math.max(...starts) + 1 };
    const found = await buffer.intervals(plan.point, plan.channel, range);
    const actual = found.filter((interval) => !isOpen(interval) && isOfLength(interval, plan));
    const values = new Map(actual.map(({ start, value }) => [start, value]));
    const like = starts.flatMap((start) => values.get(start) ?? []);
    if (like.length === spans.length) return like;
  }
  return undefined;
}

/** Weeks are 168 hours except over a switch of summer time. */
function sameLocalTime(at: UtcMs, earlier: UtcMs, zone: string): UtcMs {
  return earlier + (offsetMinutes(at, zone) - offsetMinutes(earlier, zone)) * MINUTE_MS;
}
