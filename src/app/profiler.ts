import type { Buffer, ReadingRef } from '../buffer/index.ts';
import { marketDayOf, marketDaySpan, shiftDay } from '../core/calendar.ts';
import { parseDecimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import { cut, lastBoundary } from '../core/schedule.ts';
import { type MarketDay, MINUTE_MS, type Span } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import { type ChannelPlan, makeInterval, sameContent } from '../profile/interval.ts';
import { edgesOf, indexFromBuffer } from './edges.ts';
import { energiesOf, type HeatOn } from './energies.ts';
import { finishChannel } from './finish-day.ts';
import type { PointPlan } from './plan.ts';
import { isBetterOrEqual, keptDayFindings } from './versions.ts';

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
  /** Works through the journal as far as it goes; gives the number of intervals made. */
  follow(): Promise<number>;
  /**
   * The last word on a day that is over: what the meter did not freeze is interpolated, gaps are estimated where the site file
   * allows it, what cannot be known becomes `missing`, and the rules that look at the whole day are applied.
   */
  finish(point: PointPlan, day: Span): Promise<void>;
  /** Makes the energy of gas days anew whose combustion heat has come or changed; gives the number of intervals made. */
  reheat(days: readonly MarketDay[]): Promise<number>;
  /** Lets nothing else write intervals while `work` goes on: two that make the next version at once would contradict. */
  readonly alone: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Where the profiler stands in the journal of stored readings; in that of the samples, below it. */
const CURSOR = 'profiler';
const CHANGES_AT_ONCE = 200;

export function createProfiler(parts: ProfilerParts): Profiler {
  const { site, points, buffer, clock } = parts;
  const table = new Map(site.combustionHeat.map(({ day, kWhPerM3 }) => [day, parseDecimal(kWhPerM3)]));
  const heatOn = parts.heatOn ?? ((day) => table.get(day));

  const alone = inTurn();

  /** The interval as it should stand now, or undefined when nothing new can be said. */
  async function compute(plan: ChannelPlan, span: Span, known: Interval | undefined): Promise<Interval | undefined> {
    // A day that was finished has interpolated edges: when one of them gets better, its neighbours must follow.
    const find = indexFromBuffer(buffer, site, ({ stores }) => !stores || known !== undefined);
    const edges = await edgesOf(plan, span, find);
    if (!edges) return undefined;
    const made = makeInterval(plan, span, edges, clock.now(), (known?.version ?? 0) + 1);
    if (!known) return made;
    const interval = { ...made, findings: [...made.findings, ...keptDayFindings(known)] };
    return isBetterOrEqual(interval, known) && !sameContent(interval, known) ? interval : undefined;
  }

  async function makeSpans(plan: ChannelPlan, range: Span): Promise<number> {
    const known = new Map(
      (await buffer.intervals(plan.point, plan.channel, range)).map((interval) => [interval.start, interval]),
    );
    const made: Interval[] = [];
    for (const span of cut(range, plan.minutes)) {
      const interval = await compute(plan, span, known.get(span.start));
      if (interval) made.push(interval);
    }
    if (plan.channel === 'volume' && made.length > 0) {
      for (const interval of made) known.set(interval.start, interval);
      made.push(...(await energiesOf(buffer, site, plan.point, range, [...known.values()], heatOn, clock.now())));
    }
    if (made.length > 0) await buffer.keepIntervals(made);
    return made.length;
  }

  async function followReading(ref: ReadingRef): Promise<number> {
    const own = ({ device, quantity }: { device: string; quantity: string }) =>
      device === ref.device && quantity === ref.quantity;
    const touched = points.flatMap((point) =>
      point.counted.filter(({ counters }) => counters.some(own)).map((plan) => ({ point, plan })),
    );
    if (touched.length === 0) return 0;
    const { device, quantity, at } = ref;
    const before = await buffer.readingAtOrBefore(device, quantity, at - 1);
    const after = await buffer.readingAtOrAfter(device, quantity, at + 1);
    let made = 0;
    for (const { point, plan } of touched) {
      // What is converted needs the pressure of the whole interval: it is made when the day is over.
      const range = plan.conversion ? undefined : affected(plan, at, before?.at, after?.at);
      if (range) made += await makeSpans(plan, range);
      if (point.estimation && before && at - before.at > site.profile.sampleGapMsMax)
        await finishDaysOver(point, { start: before.at, end: at });
    }
    return made;
  }

  /** The market intervals that a new reading can decide: from the reading before it to the one after it, a gap's length at most. */
  function affected(plan: ChannelPlan, at: number, before = at, after = at): Span | undefined {
    const { sampleGapMsMax } = site.profile;
    const length = plan.minutes * MINUTE_MS;
    const firstEdge = Math.ceil(Math.max(before, at - sampleGapMsMax) / length) * length;
    const lastEdge = lastBoundary(Math.min(after, at + sampleGapMsMax), plan.minutes);
    return firstEdge > lastEdge ? undefined : { start: firstEdge - length, end: lastEdge + length };
  }

  /** The end of a gap tells how much passed in it, also for days that were finished without knowing. */
  async function finishDaysOver(point: PointPlan, gap: Span): Promise<void> {
    const today = marketDayOf(point.commodity, clock.now() - site.sendAfterMs, site.zone);
    const first = marketDayOf(point.commodity, Math.max(gap.start, gap.end - GAP_MS_MAX), site.zone);
    const last = marketDayOf(point.commodity, gap.end, site.zone);
    for (let day = first; day <= last && day < today; day = shiftDay(day, 1))
      await finish(point, marketDaySpan(point.commodity, day, site.zone));
  }

  async function finish(point: PointPlan, day: Span): Promise<void> {
    for (const plan of point.counted) {
      const { changed, intervals } = await finishChannel({ site, buffer, clock }, point, plan, day);
      const energies =
        plan.channel === 'volume'
          ? await energiesOf(buffer, site, plan.point, day, intervals, heatOn, clock.now())
          : [];
      const made = [...changed, ...energies];
      if (made.length > 0) await buffer.keepIntervals(made);
    }
  }

  async function followStream(stream: 'readings' | 'samples', cursor: string): Promise<number> {
    let made = 0;
    for (;;) {
      const changes = await buffer.changes(stream, await buffer.cursor(cursor), CHANGES_AT_ONCE);
      const last = changes.at(-1);
      if (!last) return made;
      for (const ref of changes.flatMap((change) => change.items)) made += await alone(() => followReading(ref));
      await buffer.setCursor(cursor, last.sequence);
    }
  }

  return {
    async follow() {
      return (await followStream('readings', CURSOR)) + (await followStream('samples', `${CURSOR}/samples`));
    },
    alone,
    finish: (point, day) => alone(() => finish(point, day)),
    reheat: (days) => alone(() => reheat(days)),
  };

  async function reheat(days: readonly MarketDay[]): Promise<number> {
    let count = 0;
    for (const { code } of points.filter(({ commodity }) => commodity === 'gas'))
      for (const day of days) {
        const span = marketDaySpan('gas', day, site.zone);
        const volumes = await buffer.intervals(code, 'volume', span);
        const made = await energiesOf(buffer, site, code, span, volumes, heatOn, clock.now());
        if (made.length > 0) await buffer.keepIntervals(made);
        count += made.length;
      }
    return count;
  }
}

/** One piece of work after the other, in the order in which they were asked for. */
function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** A gap that has lasted longer is for a person. */
const GAP_MS_MAX = 7 * 24 * 60 * MINUTE_MS;
