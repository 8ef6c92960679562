import type { Buffer } from '../buffer/index.ts';
import { marketDayOf, marketDaySpan, shiftDay } from '../core/calendar.ts';
import type { FailureCode } from '../core/failure.ts';
import type { Commodity, Interval } from '../core/interval.ts';
import type { Quantity } from '../core/quantity.ts';
import type { Reading } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import { afterNegative, standsAfter } from '../profile/dip.ts';
import type { FindingCode } from '../profile/findings.ts';
import {
  type ChannelPlan,
  makeInterval,
  missingInterval,
  sameContent,
  troublesOf,
  troublesSaid,
} from '../profile/interval.ts';
import { type DayView, judgeDay, sumDiffers } from '../profile/validate.ts';
import { gasState, indexFromReadings, readingsIn } from './edges.ts';
import { exchangesOf } from './exchanges.ts';
import { fillGaps } from './fill-gaps.ts';
import { edgesHeld } from './gap-edges.ts';
import { madeAgain } from './made-again.ts';
import { isOfLength, underDecisions } from './other-length.ts';
import type { PointPlan } from './plan.ts';
import { standsBefore, standsOver } from './stands.ts';
import { isActual, isBetterOrEqual, keptDayFindings, withReasonsOf } from './versions.ts';

export interface FinishParts {
  readonly site: Site;
  readonly buffer: Buffer;
  readonly clock: Clock;
}

export interface FinishedDay {
  /** The intervals that say something new. */
  readonly changed: readonly Interval[];
  /** All of the day as they stand then. */
  readonly intervals: readonly Interval[];
}

/** A channel's day that is over: computed from everything that is known, gaps filled where allowed, judged as a whole. */
export async function finishChannel(
  parts: FinishParts,
  point: PointPlan,
  plan: ChannelPlan,
  day: Span,
): Promise<FinishedDay> {
  const { buffer } = parts;
  const eve = { start: day.start - plan.minutes * MINUTE_MS, end: day.start };
  const andBeside = { start: eve.start, end: day.end + 1 };
  const stored = await buffer.intervals(plan.point, plan.channel, andBeside);
  const known = new Map(stored.map((one) => [one.start, one]));
  const { counters, conflicts } = await readingsOf(parts, plan, day);
  const decide = underDecisions(stored, plan);
  const computed: Interval[] = [];
  // What a person put in the place of an index that went back does not make that index a start.
  const atStart = standsAfter(
    plan,
    await standsBefore(buffer, plan, eve.start),
    await makeOne(parts, point, plan, eve, counters, known),
  );
  let stands = atStart;
  for (const span of cut(day, plan.minutes)) {
    const before = known.get(span.start);
    const read = await makeOne(parts, point, plan, span, counters, known);
    const made = decide(afterNegative(plan, read, stands));
    stands = standsAfter(plan, stands, read);
    const stays = before && (read === before || !isBetterOrEqual(made, before));
    computed.push(stays ? withReasonsOf(made, before) : withSizeFinding(made, before));
  }
  const standsAt = (at: UtcMs, gaps: readonly Interval[]) => {
    if (at < day.start) return standsBefore(buffer, plan, at);
    const before = [...computed, ...gaps].filter(({ end }) => end <= at);
    return standsOver(
      plan,
      atStart,
      before.sort((a, b) => a.start - b.start),
    );
  };
  const whole = await madeAgain(parts, plan, { intervals: computed, known, standsAt });
  const { estimation, fixedState } = point;
  const filled = estimation
    ? await fillGaps(parts, { estimation, fixedState }, plan, day, { intervals: whole, known, standsAt })
    : whole;
  const intervals = await judged(parts, point, plan, day, filled, { counters, conflicts });
  const changed: Interval[] = [];
  const standing: Interval[] = [];
  for (const interval of intervals) {
    const before = known.get(interval.start);
    const isNew = !before || (await saysMore(buffer, interval, before));
    const stands = isNew ? { ...interval, version: (before?.version ?? 0) + 1 } : before;
    standing.push(stands);
    if (isNew) changed.push(stands);
  }
  return { changed, intervals: standing };
}

/** Once an interval was told to the market, a further finding alone is no reason to tell it again. */
export async function saysMore(buffer: Buffer, made: Interval, known: Interval): Promise<boolean> {
  if (sameContent(made, known)) return false;
  if (!sameContent({ ...made, findings: known.findings }, known)) return true;
  return (await buffer.deliveryOf(known.point, known.channel, known.start)).length === 0;
}

async function readingsOf(
  { buffer, site }: FinishParts,
  plan: ChannelPlan,
  day: Span,
): Promise<Pick<DayView, 'counters' | 'conflicts'>> {
  const { sampleGapMsMax } = site.profile;
  // The interval before the day is looked at as well.
  const start = day.start - plan.minutes * MINUTE_MS - sampleGapMsMax;
  const around = { start, end: day.end + sampleGapMsMax + 1 };
  const read = plan.counters.map(async ({ device, quantity }) => ({
    quantity,
    ...(await buffer.readingsWithConflicts(device, quantity, around)),
  }));
  const found = await Promise.all(read);
  return {
    counters: new Map(found.map(({ quantity, served }) => [quantity, served])),
    conflicts: found.flatMap(({ conflicts }) => conflicts),
  };
}

/** As the readings tell it; as it stands where they do not tell any more what it was made of. */
async function makeOne(
  { site, buffer, clock }: FinishParts,
  point: PointPlan,
  plan: ChannelPlan,
  span: Span,
  counters: ReadonlyMap<Quantity, readonly Reading[]>,
  known: ReadonlyMap<UtcMs, Interval>,
): Promise<Interval> {
  const before = known.get(span.start);
  const version = (before?.version ?? 0) + 1;
  if (plan.conversion && before && isActual(before) && !(await isStateWhole(buffer, point, span))) return before;
  const find = indexFromReadings(({ quantity }) => counters.get(quantity) ?? [], site);
  const edges = await edgesHeld(plan, span, async (counter, at) => find(counter, at), known);
  if (!edges) {
    if (before && isActual(before)) return before;
    const distrusted = plan.counters.some(({ quantity }) => hasDistrusted(counters.get(quantity) ?? [], span));
    const missing = missingInterval(plan, span, 'no-reading', clock.now(), version);
    // Beside an exchange an index may be missing at one edge only: the reason is the same.
    const isExchanged = (await exchangesOf(buffer, [plan], span)).length > 0;
    const why = [...(isExchanged ? ['meter-exchanged'] : []), ...(await refusedIn(buffer, plan, span))];
    return { ...missing, findings: [...missing.findings, ...(distrusted ? ['clock-not-credible'] : []), ...why] };
  }
  const state = plan.conversion && (await gasState(buffer, point.watch.device, span, point.fixedState));
  const seen = plan.counters.flatMap(({ quantity }) => troublesOf(readingsIn(counters.get(quantity) ?? [], span)));
  const troubles = [...seen, ...(before ? troublesSaid(before) : [])];
  return makeInterval(plan, span, edges, clock.now(), version, { ...(state && { state }), troubles });
}

/** Samples go in their order: where there is one from before the interval, none of its own were given up. */
async function isStateWhole(buffer: Buffer, { watch, fixedState }: PointPlan, { start }: Span): Promise<boolean> {
  const asked: Quantity[] = [];
  if (!fixedState.pressureKPa) asked.push('pressure');
  if (!fixedState.temperatureC) asked.push('temperature');
  for (const quantity of asked)
    if (!(await buffer.readingAtOrBefore(watch.device, quantity, start, 'sampled', STATE_REACH_MS))) return false;
  return true;
}

/** A device that was silent for longer is taken for one whose samples were given up: what was converted stays. */
const STATE_REACH_MS: Millis = 24 * HOUR_MS;

const REFUSED: ReadonlyMap<FailureCode, FindingCode> = new Map([
  ['value-invalid', 'value-invalid'],
  ['value-missing', 'value-not-found'],
  ['clock-not-credible', 'stamp-not-credible'],
]);

/** What the devices told in a span and could not be used, in the words of the findings. */
async function refusedIn(buffer: Buffer, { counters }: ChannelPlan, span: Span): Promise<FindingCode[]> {
  const devices = [...new Set(counters.map(({ device }) => device))];
  const codes = (await Promise.all(devices.map((device) => buffer.refusals(device, span)))).flat();
  return [...new Set(codes.flatMap((code) => REFUSED.get(code) ?? []))];
}

function hasDistrusted(readings: readonly Reading[], { start, end }: Span): boolean {
  return readings.some(
    ({ at, source, flags }) => (at === start || at === end) && source === 'stored' && flags.includes('clock-invalid'),
  );
}

function withSizeFinding(made: Interval, before: Interval | undefined): Interval {
  const changed = before !== undefined && (before.end !== made.end || before.findings.includes('size-changed'));
  return changed ? { ...made, findings: [...made.findings, 'size-changed'] } : made;
}

/** The same intervals with what the rules of the day find in place of what they found before. */
async function judged(
  parts: FinishParts,
  point: PointPlan,
  plan: ChannelPlan,
  day: Span,
  intervals: readonly Interval[],
  readings: Pick<DayView, 'counters' | 'conflicts'>,
): Promise<Interval[]> {
  const view = await viewOf(parts, point, plan, day, intervals, readings);
  const found = judgeDay(view);
  const ofMonth = await monthFinding(parts, point, view);
  return intervals.map((interval, n) => {
    const kept = keptDayFindings(interval);
    const own = interval.findings.filter((code) => !kept.includes(code));
    const last = n === intervals.length - 1 ? ofMonth : [];
    return { ...interval, findings: [...own, ...(found.get(interval.start) ?? []), ...last] };
  });
}

async function viewOf(
  { buffer, site }: FinishParts,
  { limits, estimation, watch, counted }: PointPlan,
  plan: ChannelPlan,
  day: Span,
  intervals: readonly Interval[],
  readings: Pick<DayView, 'counters' | 'conflicts'>,
): Promise<DayView> {
  const { device } = watch;
  const isForward = plan.channel !== 'export';
  const activity = watch.activity && isForward ? watch.activity : undefined;
  const lookBackMs = Math.max(
    activity ? limits.staleMinutes * MINUTE_MS : 0,
    limits.zeroRunHours === undefined ? 0 : limits.zeroRunHours * HOUR_MS,
    estimation ? limits.estimatedHoursMax * HOUR_MS : 0,
  );
  const around = (ms: Millis): Span => ({ start: day.start - ms, end: day.end + ms });
  return {
    plan,
    limits,
    day,
    intervals,
    earlier:
      lookBackMs === 0
        ? []
        : await buffer.intervals(plan.point, plan.channel, { start: day.start - lookBackMs, end: day.start }),
    ...readings,
    activity: activity ? await buffer.readings(device, activity, { start: day.start - lookBackMs, end: day.end }) : [],
    mayRest: !isForward && counted.length > 1,
    disturbed: watch.disturbed
      ? await buffer.readings(device, watch.disturbed, around(site.profile.sampleGapMsMax))
      : [],
  };
}

/**
 * The month is judged on its last day, and again on a day that a person or a rule filled when it was over: whatever closes its
 * last hole is held against the index of all of it, also where the day has none at its ends.
 */
async function monthFinding(
  { buffer, site, clock }: FinishParts,
  { commodity, code, limits }: PointPlan,
  { plan, day, intervals }: DayView,
): Promise<readonly string[]> {
  const month = monthOf(commodity, day.start, site.zone);
  const isFilled = intervals.some(({ quality }) => quality === 'substituted' || quality === 'estimated');
  if (day.end !== month.end && (!isFilled || month.end > clock.now())) return [];
  const before = await buffer.intervals(code, plan.channel, { start: month.start, end: day.start });
  const after = await buffer.intervals(code, plan.channel, { start: day.end, end: month.end });
  const all = [...before, ...intervals, ...after].filter((one) => isOfLength(one, plan));
  return sumDiffers({ plan, limits }, month, all, 'month-sum-differs').map(([, found]) => found);
}

function monthOf(commodity: Commodity, at: UtcMs, zone: string): Span {
  const month = marketDayOf(commodity, at, zone).slice(0, 'YYYY-MM'.length);
  const first = marketDaySpan(commodity, `${month}-01`, zone);
  // Some day of the next month, whatever the length of this one.
  const next = shiftDay(`${month}-01`, 31).slice(0, 'YYYY-MM'.length);
  return { start: first.start, end: marketDaySpan(commodity, `${next}-01`, zone).start };
}
