import type { Buffer, Damage } from '../buffer/index.ts';
import { intervalOfKey } from '../buffer/keys.ts';
import { marketDayOf, shiftDay } from '../core/calendar.ts';
import { lastBoundary } from '../core/schedule.ts';
import {
  contains,
  HOUR_MS,
  joinedSpans,
  type MarketDay,
  MINUTE_MS,
  type Millis,
  type Span,
  type UtcMs,
} from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { ChannelPlan } from '../profile/interval.ts';
import { cursorName, DAYS_BACK_MAX, GIVEN_UP_EARLY_MS } from './closer.ts';
import type { PointPlan } from './plan.ts';

const DAY_MS: Millis = 24 * HOUR_MS;
/** So many days of a channel are looked through at once. */
const DAYS_AT_ONCE = 31;

export interface MendParts {
  readonly buffer: Buffer;
  readonly points: readonly PointPlan[];
  readonly retention: Site['storage']['retention'];
}

export interface Mended {
  /** Messages that the second copy gave back, in part or whole. */
  readonly messages: number;
  readonly records: number;
  /** Rows of readings that were named again, so that intervals are made of them again. */
  readonly readingsNamedAgain: number;
}

type ChannelOf = Pick<ChannelPlan, 'point' | 'channel' | 'minutes'>;

/** Neighbouring intervals of a point whose records are lost. */
export interface LostSpan extends Span {
  readonly point: PointPlan;
}

/**
 * Mends what can be mended of losses that were found and marked: messages from the second copy, intervals by letting the
 * profiler look at their readings again. Readings that are lost are asked of the meters by the gap map, which sees them missing:
 * of the last 40 days (gaps.ts). What is older was accepted long ago or waits for a person; of a meter that keeps more, a person
 * can enter it. Gives the intervals too: their days want a last word anew.
 */
export async function mend(
  { buffer, points, retention }: MendParts,
  found: readonly Damage[],
  now: UtcMs,
): Promise<{ readonly mended: Mended; readonly lost: readonly LostSpan[] }> {
  const { messages, records } = await buffer.restoreVital();
  const isUnnamed = found.some(({ key }) => key.startsWith('j/intervals/'));
  const since = now - Math.min(retention.intervalsDays, DAYS_BACK_MAX) * DAY_MS + GIVEN_UP_EARLY_MS;
  const lost: LostSpan[] = [];
  let readingsNamedAgain = 0;
  for (const point of points) {
    // What is published beside what is counted follows from it: gas has its energy of its volume.
    for (const channel of new Set([...point.counted.map((plan) => plan.channel), ...point.published])) {
      const of = { point: point.code, channel, minutes: point.minutes };
      const unnamed = isUnnamed ? await missingIntervals(buffer, of, now, retention.readingsDays) : [];
      const spans = joinedSpans([...namedIn(found, of), ...unnamed]);
      const counters = point.counted.find((plan) => plan.channel === channel)?.counters ?? [];
      for (const { start, end } of spans) {
        // Half-open, so that the reading at the far boundary is in it.
        const edges = { start, end: end + 1 };
        for (const { device } of counters) readingsNamedAgain += await buffer.nameReadingsAgain(device, edges);
        if (end > since) lost.push({ start: Math.max(start, since), end, point });
      }
    }
  }
  return { mended: { messages, records, readingsNamedAgain }, lost };
}

/** Sets the closer back to the first day of which something is lost: a day that was done is looked at by nobody. Before it runs. */
export async function closeAgain(buffer: Buffer, lost: readonly LostSpan[]): Promise<void> {
  for (const { point, start } of lost) {
    const name = cursorName(point.commodity);
    if (start < (await buffer.cursor(name))) await buffer.setCursor(name, start);
  }
}

/** The days of points that they lie in, oldest first, each once. */
export function daysOf(lost: readonly LostSpan[], zone: string): (readonly [PointPlan, MarketDay])[] {
  return [...new Set(lost.map(({ point }) => point))].flatMap((point) => {
    const dayOf = (at: UtcMs) => marketDayOf(point.commodity, at, zone);
    const days = new Set<MarketDay>();
    for (const { start, end } of lost.filter((one) => one.point === point))
      for (let day = dayOf(start); day <= dayOf(end - 1); day = shiftDay(day, 1)) days.add(day);
    return [...days].sort().map((day) => [point, day] as const);
  });
}

/** The intervals of a channel among what was found, by their keys. */
function namedIn(found: readonly Damage[], of: ChannelOf): Span[] {
  return found.flatMap(({ key }) => {
    const ref = intervalOfKey(key);
    if (ref?.point !== of.point || ref.channel !== of.channel) return [];
    return [{ start: ref.start, end: ref.start + of.minutes * MINUTE_MS }];
  });
}

/**
 * Intervals of a channel that are not there, where nothing names what is lost: from the first that is there on, as far back as
 * readings are kept. Of what is older nothing could be made again.
 */
async function missingIntervals(
  buffer: Buffer,
  { point, channel, minutes }: ChannelOf,
  now: UtcMs,
  keptDays: number,
): Promise<Span[]> {
  const length = minutes * MINUTE_MS;
  const end = lastBoundary(now, minutes);
  // Neighbours as one: of a store that is lost there may be millions.
  const missing: { start: UtcMs; end: UtcMs }[] = [];
  let isBegun = false;
  for (let from = lastBoundary(now - keptDays * DAY_MS, minutes); from < end; from += DAYS_AT_ONCE * DAY_MS) {
    const range = { start: from, end: Math.min(from + DAYS_AT_ONCE * DAY_MS, end) };
    const there = new Set((await buffer.intervals(point, channel, range)).map(({ start }) => start));
    const gone = await buffer.givenUp(point, channel, range);
    for (let { start } = range; start < range.end; start += length) {
      isBegun ||= there.has(start);
      const isMissing = isBegun && !there.has(start) && !gone.some((span) => contains(span, start));
      const last = missing.at(-1);
      if (isMissing && last?.end === start) last.end += length;
      else if (isMissing) missing.push({ start, end: start + length });
    }
  }
  return missing;
}
