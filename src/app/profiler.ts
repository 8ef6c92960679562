import type { Buffer, ReadingRef } from '../buffer/index.ts';
import { marketDayOf } from '../core/calendar.ts';
import { parseDecimal } from '../core/decimal.ts';
import type { Interval, PointCode, Quality } from '../core/interval.ts';
import { cut, lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import { findBoundary, type KnownBoundary } from '../profile/boundary.ts';
import { energyInterval } from '../profile/energy.ts';
import {
  type ChannelPlan,
  type CounterEdges,
  type CounterPlan,
  makeInterval,
  missingInterval,
  sameContent,
} from '../profile/interval.ts';
import type { PointPlan } from './plan.ts';

export interface ProfilerParts {
  readonly site: Site;
  readonly points: readonly PointPlan[];
  readonly buffer: Buffer;
  readonly clock: Clock;
}

/** Turns what is new in the readings journal into intervals; a restart goes on where the cursor stands. */
export interface Profiler {
  /** Works through the journal as far as it goes; gives the number of intervals made. */
  follow(): Promise<number>;
  /**
   * The last word on a day that is over: what the meter did not freeze is interpolated, what cannot be known becomes `missing`.
   */
  finish(point: PointPlan, day: Span): Promise<void>;
}

/** Where the profiler stands in the readings journal. */
const CURSOR = 'profiler';
const CHANGES_AT_ONCE = 200;

/** A newer computation replaces an older one only when it rests on something better. */
const RANK: Record<Quality, number> = {
  substituted: 4,
  measured: 3,
  flagged: 3,
  computed: 2,
  estimated: 1,
  missing: 0,
};

export function createProfiler(parts: ProfilerParts): Profiler {
  const { site, points, buffer, clock } = parts;
  const channels = points.flatMap((point) => point.counted);
  const heatByDay = new Map(site.combustionHeat.map(({ day, kWhPerM3 }) => [day, parseDecimal(kWhPerM3)]));

  async function boundary(
    counter: CounterPlan,
    at: UtcMs,
    mayInterpolate: boolean,
  ): Promise<KnownBoundary | undefined> {
    const { device, quantity } = counter;
    const [stored] = (await buffer.readings(device, quantity, { start: at, end: at + 1 })).filter(
      (reading) => reading.source === 'stored',
    );
    const before = mayInterpolate ? await buffer.readingAtOrBefore(device, quantity, at) : undefined;
    const after = before ? await buffer.readingAtOrAfter(device, quantity, at) : undefined;
    const rule = {
      ...(counter.rollover ? { rollover: counter.rollover } : {}),
      gapMsMax: site.profile.sampleGapMsMax,
      decimals: site.profile.computedDecimals,
    };
    return findBoundary(at, { ...(stored && { stored }), ...(before && { before }), ...(after && { after }) }, rule);
  }

  async function edges(plan: ChannelPlan, span: Span, lastWord: boolean): Promise<CounterEdges[] | undefined> {
    const found: CounterEdges[] = [];
    for (const counter of plan.counters) {
      const mayInterpolate = lastWord || !counter.stores;
      const from = await boundary(counter, span.start, mayInterpolate);
      const to = from && (await boundary(counter, span.end, mayInterpolate));
      if (!from || !to) return undefined;
      found.push({ counter, from, to });
    }
    return found;
  }

  /** The interval as it should stand now, or undefined when nothing (better) can be said. */
  async function compute(
    plan: ChannelPlan,
    span: Span,
    known: Interval | undefined,
    lastWord: boolean,
  ): Promise<Interval | undefined> {
    const version = (known?.version ?? 0) + 1;
    const found = await edges(plan, span, lastWord);
    if (!found && !lastWord) return undefined;
    const made = found
      ? makeInterval(plan, span, found, clock.now(), version)
      : missingInterval(plan, span, 'no-reading', clock.now(), version);
    return known && (RANK[made.quality] < RANK[known.quality] || sameContent(made, known)) ? undefined : made;
  }

  /** Gas energy follows its volume: made where the day's heat is known and the energy is not there or rests on an older volume. */
  async function energies(point: PointCode, span: Span, volumes: readonly Interval[]): Promise<Interval[]> {
    const known = new Map(
      (await buffer.intervals(point, 'energy', span)).map((interval) => [interval.start, interval]),
    );
    return volumes.flatMap((volume) => {
      const heat = heatByDay.get(marketDayOf('gas', volume.start, site.zone));
      if (!heat) return [];
      const earlier = known.get(volume.start);
      const energy = energyInterval(volume, heat, (earlier?.version ?? 0) + 1);
      return earlier && sameContent(earlier, energy) ? [] : [energy];
    });
  }

  async function makeSpans(plan: ChannelPlan, range: Span, lastWord: boolean): Promise<number> {
    const known = new Map(
      (await buffer.intervals(plan.point, plan.channel, range)).map((interval) => [interval.start, interval]),
    );
    const made: Interval[] = [];
    for (const span of cut(range, plan.minutes)) {
      const interval = await compute(plan, span, known.get(span.start), lastWord);
      if (interval) made.push(interval);
    }
    if (plan.channel === 'volume') {
      for (const interval of made) known.set(interval.start, interval);
      made.push(...(await energies(plan.point, range, [...known.values()])));
    }
    if (made.length > 0) await buffer.keepIntervals(made);
    return made.length;
  }

  /** The market intervals that a new reading can decide: from the reading before it to the one after it, a gap's length at most. */
  async function affected(plan: ChannelPlan, { device, quantity, at }: ReadingRef): Promise<Span | undefined> {
    const { sampleGapMsMax } = site.profile;
    const before = await buffer.readingAtOrBefore(device, quantity, at - 1);
    const after = await buffer.readingAtOrAfter(device, quantity, at + 1);
    const first = before ? Math.max(before.at, at - sampleGapMsMax) : at;
    const last = after ? Math.min(after.at, at + sampleGapMsMax) : at;
    const length = plan.minutes * MINUTE_MS;
    const firstEdge = Math.ceil(first / length) * length;
    const lastEdge = lastBoundary(last, plan.minutes);
    return firstEdge > lastEdge ? undefined : { start: firstEdge - length, end: lastEdge + length };
  }

  async function followReading(ref: ReadingRef): Promise<number> {
    let made = 0;
    for (const plan of channels) {
      if (!plan.counters.some((counter) => counter.device === ref.device && counter.quantity === ref.quantity))
        continue;
      const range = await affected(plan, ref);
      if (range) made += await makeSpans(plan, range, false);
    }
    return made;
  }

  return {
    async follow() {
      let made = 0;
      for (;;) {
        const changes = await buffer.changes('readings', await buffer.cursor(CURSOR), CHANGES_AT_ONCE);
        const last = changes.at(-1);
        if (!last) return made;
        for (const ref of changes.flatMap((change) => change.items)) made += await followReading(ref);
        await buffer.setCursor(CURSOR, last.sequence);
      }
    },
    async finish(point, day) {
      for (const plan of point.counted) await makeSpans(plan, day, true);
    },
  };
}
