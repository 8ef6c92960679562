import type { Buffer, Damage } from '../buffer/index.ts';
import { intervalOfKey } from '../buffer/keys.ts';
import { lastBoundary } from '../core/schedule.ts';
import { contains, HOUR_MS, joinedSpans, MINUTE_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';
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

/** Intervals of a point whose records are lost. */
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
  const lost: LostSpan[] = [];
  let readingsNamedAgain = 0;
  for (const point of points) {
    for (const plan of point.counted) {
      const spans = [
        ...namedIn(found, plan, plan.minutes),
        ...(isUnnamed ? await missingIntervals(buffer, plan, now, retention.readingsDays) : []),
      ];
      for (const { start, end } of joinedSpans(spans)) {
        // Half-open, so that the reading at the far boundary is in it.
        const edges = { start, end: end + 1 };
        for (const { device } of plan.counters) readingsNamedAgain += await buffer.nameReadingsAgain(device, edges);
      }
      lost.push(...spans.map((span) => ({ ...span, point })));
    }
    // What follows from others: gas has its energy of its volume.
    const followed = point.published.filter((channel) => point.counted.every((plan) => plan.channel !== channel));
    for (const channel of followed)
      lost.push(...namedIn(found, { point: point.code, channel }, point.minutes).map((span) => ({ ...span, point })));
  }
  const since = now - Math.min(retention.intervalsDays, DAYS_BACK_MAX) * DAY_MS + GIVEN_UP_EARLY_MS;
  return { mended: { messages, records, readingsNamedAgain }, lost: lost.filter(({ start }) => start >= since) };
}

/** Sets the closer back to the first day of which something is lost: a day that was done is looked at by nobody. Before it runs. */
export async function closeAgain(buffer: Buffer, lost: readonly LostSpan[]): Promise<void> {
  for (const { point, start } of lost) {
    const name = cursorName(point.commodity);
    if (start < (await buffer.cursor(name))) await buffer.setCursor(name, start);
  }
}

/** The intervals of a channel among what was found, by their keys. */
function namedIn(found: readonly Damage[], of: Pick<ChannelPlan, 'point' | 'channel'>, minutes: number): Span[] {
  return found.flatMap(({ key }) => {
    const ref = intervalOfKey(key);
    if (ref?.point !== of.point || ref.channel !== of.channel) return [];
    return [{ start: ref.start, end: ref.start + minutes * MINUTE_MS }];
  });
}

/**
 * Intervals of a channel that are not there, where nothing names what is lost: from the first that is there on, as far back as
 * readings are kept. Of what is older nothing could be made again.
 */
async function missingIntervals(
  buffer: Buffer,
  { point, channel, minutes }: ChannelPlan,
  now: UtcMs,
  keptDays: number,
): Promise<Span[]> {
  const length = minutes * MINUTE_MS;
  const end = lastBoundary(now, minutes);
  const missing: Span[] = [];
  let isBegun = false;
  for (let from = lastBoundary(now - keptDays * DAY_MS, minutes); from < end; from += DAYS_AT_ONCE * DAY_MS) {
    const range = { start: from, end: Math.min(from + DAYS_AT_ONCE * DAY_MS, end) };
    const there = new Set((await buffer.intervals(point, channel, range)).map(({ start }) => start));
    const gone = await buffer.givenUp(point, channel, range);
    for (let { start } = range; start < range.end; start += length) {
      isBegun ||= there.has(start);
      const isMissing = isBegun && !there.has(start) && !gone.some((span) => contains(span, start));
      if (isMissing) missing.push({ start, end: start + length });
    }
  }
  return missing;
}
