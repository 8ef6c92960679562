import type { Buffer, ReadingRef } from '../buffer/index.ts';
import { marketDayOf, marketDaySpan, shiftDay } from '../core/calendar.ts';
import { parseDecimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import { cut, lastBoundary } from '../core/schedule.ts';
import { contains, HOUR_MS, type MarketDay, MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import { turns } from '../core/turns.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import { afterNegative, isInDip, type Stands, standsAfter } from '../profile/dip.ts';
import { type ChannelPlan, type CounterEdges, makeInterval, sameContent, troublesSaid } from '../profile/interval.ts';
import { createDecisions } from './decisions.ts';
import { daysDividedWith, GAP_DAYS_MAX } from './divided-days.ts';
import { indexFromBuffer, remembered } from './edges.ts';
import { energiesOf, type HeatOn } from './energies.ts';
import { finishChannel } from './finish-day.ts';
import { edgesHeld } from './gap-edges.ts';
import { joined } from './joined-spans.ts';
import { daysOf, type LostSpan } from './mend.ts';
import { underDecisions } from './other-length.ts';
import { type CountedPlan, type PointPlan, plansByCounter } from './plan.ts';
import { followersOf, standsBefore } from './stands.ts';
import { isBetterOrEqual, isOpen, keptDayFindings } from './versions.ts';

export interface ProfilerParts {
  readonly site: Site;
  readonly points: readonly PointPlan[];
  readonly buffer: Buffer;
  readonly clock: Clock;
  /** Combustion heat of a gas day, kWh/m3; the site file's own table where nothing else is given. */
  readonly heatOn?: HeatOn;
}

/** Turns what is new in the readings journal into intervals; a restart goes on where the cursor stands. */
export interface Profiler {
  /** Works through the journal as far as it goes, or until the signal aborts; gives the number of intervals made. */
  follow(signal?: AbortSignal): Promise<number>;
  /**
   * The last word on a day that is over: what the meter did not freeze is interpolated, gaps are estimated where the site file
   * allows it, what cannot be known becomes `missing`, and the rules that look at the whole day are applied.
   */
  finish(point: PointPlan, day: Span): Promise<void>;
  /** The last word anew on days that are over and of whose intervals records are lost. */
  finishLost(lost: readonly LostSpan[]): Promise<void>;
  /** Makes the energy of gas days anew whose combustion heat has come or changed; gives the number of intervals made. */
  reheat(days: readonly MarketDay[]): Promise<number>;
  /** Lets nothing else write intervals while `work` goes on: two that make the next version at once would contradict. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

/** What a new reading means for one channel: intervals that it decides, a gap that it ends or divides. */
interface Touched {
  readonly point: PointPlan;
  readonly plan: ChannelPlan;
  readonly range?: Span;
  readonly gap?: Span;
}

/** Where the profiler stands in the journal of stored readings; in that of the samples, below it. */
const CURSOR = 'profiler';
const CHANGES_AT_ONCE = 200;
const GAP_MS_MAX = GAP_DAYS_MAX * 24 * 60 * MINUTE_MS;
/** Of one batch, or a day's more: after a gap an archive tells weeks. */
const INTERVALS_AT_ONCE = 200;

export function createProfiler(parts: ProfilerParts): Profiler {
  const { site, points, buffer, clock } = parts;
  const table = new Map(site.combustionHeat.map(({ day, kWhPerM3 }) => [day, parseDecimal(kWhPerM3)]));
  const heatOn = parts.heatOn ?? ((day) => table.get(day));

  const plansOf = plansByCounter(points);
  const decisions = createDecisions(parts);
  const alone = turns();

  /** The interval as it should stand now, `news` where that is something new, and where the counters stand after it. */
  async function compute(
    plan: ChannelPlan,
    span: Span,
    known: Interval | undefined,
    stands: Stands,
    edges: readonly CounterEdges[] | undefined,
    decide: (made: Interval) => Interval,
  ): Promise<{ readonly news?: Interval; readonly after: Stands }> {
    if (!edges) return { after: known ? standsAfter(plan, stands, known) : stands };
    const troubles = known ? troublesSaid(known) : [];
    const read = makeInterval(plan, span, edges, clock.now(), (known?.version ?? 0) + 1, { troubles });
    const made = decide(afterNegative(plan, read, stands));
    const after = standsAfter(plan, stands, read);
    if (!known) return { news: made, after };
    const interval = { ...made, findings: [...made.findings, ...keptDayFindings(known)] };
    const isNews = isBetterOrEqual(interval, known) && !sameContent(interval, known);
    return isNews ? { news: interval, after } : { after };
  }

  /** What a range says anew; it is not kept yet. */
  async function makeSpans(plan: ChannelPlan, range: Span): Promise<readonly Interval[]> {
    await decisions.putBack(plan, range);
    const lengthMs = plan.minutes * MINUTE_MS;
    const andBeside = { start: lastBoundary(range.start - lengthMs, 60), end: range.end + lengthMs };
    const stored = await buffer.intervals(plan.point, plan.channel, andBeside);
    const known = new Map(stored.map((interval) => [interval.start, interval]));
    const decide = underDecisions(stored, plan);
    const made: Interval[] = [];
    let stands = await standsBefore(buffer, plan, range.start, known.get(range.start - lengthMs));
    // A day that was finished has interpolated edges: when one of them gets better, its neighbours must follow.
    const first = remembered(indexFromBuffer(buffer, site, ({ stores }) => !stores));
    const again = remembered(indexFromBuffer(buffer, site, () => true));
    const make = async (span: Span): Promise<void> => {
      const before = known.get(span.start);
      const edges = await edgesHeld(plan, span, before ? again : first, known);
      const { news, after } = await compute(plan, span, before, stands, edges, decide);
      if (news) made.push(news);
      stands = after;
    };
    for (const span of cut(range, plan.minutes)) await make(span);
    const volumes = new Map(stored.filter(({ start }) => contains(range, start)).map((one) => [one.start, one]));
    let { end } = range;
    for await (const later of followersOf(buffer, plan, known.get(end))) {
      // A dip that begins or goes concerns what was made after it.
      if (!isInDip(plan, stands) && !later.findings.includes('after-negative')) break;
      known.set(later.start, later);
      await make(later);
      volumes.set(later.start, later);
      end = later.end;
    }
    if (plan.channel === 'volume' && made.length > 0) {
      for (const interval of made) volumes.set(interval.start, interval);
      const reached = { start: range.start, end };
      made.push(...(await energiesOf(buffer, site, plan.point, reached, [...volumes.values()], heatOn, clock.now())));
    }
    return made;
  }

  async function keep(made: readonly Interval[]): Promise<number> {
    if (made.length > 0) await buffer.keepIntervals(made);
    return made.length;
  }

  /** What a batch of new readings touches: neighbours are made in one go. */
  async function followReadings(refs: readonly ReadingRef[]): Promise<number> {
    const touched: Touched[] = [];
    for (const ref of refs) {
      const counted = plansOf(ref);
      if (counted.length > 0) touched.push(...(await touchedBy(ref, counted)));
    }
    const made = await alone(() => makeTouched(touched));
    await divideAnew(touched.filter(({ point }) => point.estimation));
    return made;
  }

  /** An hour of all meters is one synced batch. */
  async function makeTouched(touched: readonly Touched[]): Promise<number> {
    let count = 0;
    let made: Interval[] = [];
    const flush = async (): Promise<void> => {
      count += await keep(made);
      made = [];
    };
    for (const plan of new Set(touched.map((one) => one.plan))) {
      const ranges = touched.flatMap((one) => (one.plan === plan && one.range ? [one.range] : []));
      for (const [n, span] of joined(ranges).entries()) {
        // The next span of a channel goes on from what the one before has made.
        if (n > 0 || made.length >= INTERVALS_AT_ONCE) await flush();
        made.push(...(await makeSpans(plan, span)));
      }
    }
    await flush();
    return count;
  }

  /** Finishes the days again whose gaps the readings end, divide or give other edges; each once. */
  async function divideAnew(touched: readonly Touched[]): Promise<void> {
    for (const point of new Set(touched.map((one) => one.point))) {
      const days: MarketDay[] = [];
      for (const one of touched.filter((other) => other.point === point)) days.push(...(await openDays(one)));
      for (const day of [...new Set(days)].sort())
        await alone(() => finish(point, marketDaySpan(point.commodity, day, site.zone)));
    }
  }

  async function touchedBy({ device, quantity, at }: ReadingRef, touched: readonly CountedPlan[]): Promise<Touched[]> {
    const gapMs = site.profile.sampleGapMsMax;
    // What lies further off than a gap's length decides nothing; how far off it lies is asked only where gaps are estimated.
    // Ahead it is looked for an interval further: whether there is anything tells if the next one can have an end.
    const [backMs, aheadMs] = touched.some(({ point }) => point.estimation) ? [] : [gapMs, gapMs + HOUR_MS];
    const before = await buffer.readingAtOrBefore(device, quantity, at - 1, undefined, backMs);
    const after = await buffer.readingAtOrAfter(device, quantity, at + 1, undefined, aheadMs);
    const gap = gapAround(at, before?.at, after?.at);
    return touched.map(({ point, plan }) => {
      // What is converted needs the pressure of the whole interval: it is made when the day is over.
      const range = plan.conversion ? undefined : affected(plan, at, before?.at, after?.at);
      return { point, plan, ...(range && { range }), ...(gap && { gap }) };
    });
  }

  /** What lies open on either side of a reading, which may have come late and in the middle of it. */
  function gapAround(at: UtcMs, before = at, after = at): Span | undefined {
    const { sampleGapMsMax } = site.profile;
    const start = at - before > sampleGapMsMax ? Math.max(before, at - GAP_MS_MAX) : at;
    const end = after - at > sampleGapMsMax ? Math.min(after, at + GAP_MS_MAX) : at;
    return start < end ? { start, end } : undefined;
  }

  /** The market intervals that a new reading can decide: from the reading before it to the one after it, a gap's length at most. */
  function affected(plan: ChannelPlan, at: UtcMs, before: UtcMs = at, after?: UtcMs): Span | undefined {
    const { sampleGapMsMax } = site.profile;
    const length = plan.minutes * MINUTE_MS;
    const firstEdge = Math.ceil(Math.max(before, at - sampleGapMsMax) / length) * length;
    const lastEdge = lastBoundary(Math.min(after ?? at, at + sampleGapMsMax), plan.minutes);
    // The newest reading begins an interval whose end nobody can tell yet.
    const end = after === undefined ? lastEdge : lastEdge + length;
    return firstEdge > lastEdge ? undefined : { start: firstEdge - length, end };
  }

  /** The first day that is not yet for `finish`. */
  function todayOf({ commodity }: PointPlan): MarketDay {
    return marketDayOf(commodity, clock.now() - site.sendAfterMs, site.zone);
  }

  /** Days that are over in which something without an actual value is bounded by what a reading tells. */
  async function openDays({ point, plan, range, gap }: Touched): Promise<MarketDay[]> {
    const today = todayOf(point);
    const dayOf = (at: UtcMs) => marketDayOf(point.commodity, at, site.zone);
    const days: MarketDay[] = [];
    // The end of a gap tells how much passed in it, also for days that were finished without knowing.
    if (gap) for (let day = dayOf(gap.start); day <= dayOf(gap.end); day = shiftDay(day, 1)) days.push(day);
    if (range && dayOf(range.start) < today) {
      const andNext = { start: range.start, end: range.end + plan.minutes * MINUTE_MS };
      const open = (await buffer.intervals(plan.point, plan.channel, andNext)).filter(isOpen);
      days.push(...open.map(({ start }) => dayOf(start)));
    }
    return days.filter((day) => day < today);
  }

  /** And with it the days that a gap was divided with, where that goes on over its ends. */
  async function finish(point: PointPlan, day: Span): Promise<void> {
    await finishDay(point, day);
    if (!point.estimation) return;
    for await (const other of daysDividedWith(buffer, point, day, todayOf(point), site.zone))
      await finishDay(point, other);
  }

  async function finishDay(point: PointPlan, day: Span): Promise<void> {
    for (const plan of point.counted) {
      await decisions.putBack(plan, day);
      const { changed, intervals } = await finishChannel({ site, buffer, clock }, point, plan, day);
      const gone = await buffer.givenUp(plan.point, plan.channel, day);
      const energies =
        plan.channel === 'volume'
          ? await energiesOf(buffer, site, plan.point, day, intervals, heatOn, clock.now())
          : [];
      // What was accepted and has gone for its age, and its readings before it, would be made anew as missing.
      await keep([...changed, ...energies].filter(({ start }) => !gone.some((span) => contains(span, start))));
    }
  }

  async function followStream(stream: 'readings' | 'samples', cursor: string, signal?: AbortSignal): Promise<number> {
    let made = 0;
    for (;;) {
      const changes = await buffer.changes(stream, await buffer.cursor(cursor), CHANGES_AT_ONCE);
      const last = changes.at(-1);
      if (!last || signal?.aborted) return made;
      made += await followReadings(changes.flatMap((change) => change.items));
      buffer.advanceCursor(cursor, last.sequence);
      // There were no more; what has come since rings.
      if (changes.length < CHANGES_AT_ONCE) return made;
    }
  }

  return {
    async follow(signal) {
      const made = await followStream('readings', CURSOR, signal);
      return made + (await followStream('samples', `${CURSOR}/samples`, signal));
    },
    alone,
    finish: (point, day) => alone(() => finish(point, day)),
    async finishLost(lost) {
      for (const [point, day] of daysOf(lost, site.zone))
        if (day < todayOf(point)) await alone(() => finish(point, marketDaySpan(point.commodity, day, site.zone)));
    },
    reheat: (days) => alone(() => reheat(days)),
  };

  async function reheat(days: readonly MarketDay[]): Promise<number> {
    let count = 0;
    for (const { code } of points.filter(({ commodity }) => commodity === 'gas'))
      for (const day of days) {
        const span = marketDaySpan('gas', day, site.zone);
        const volumes = await buffer.intervals(code, 'volume', span);
        const made = await energiesOf(buffer, site, code, span, volumes, heatOn, clock.now());
        count += await keep(made);
      }
    return count;
  }
}
