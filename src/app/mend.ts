import type { Buffer, Damage } from '../buffer/index.ts';
import { lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { ChannelPlan } from '../profile/interval.ts';
import type { PointPlan } from './plan.ts';

/** Days further back are closed by nobody, so their intervals need not be made again. */
const BACK_MS = 45 * 24 * 60 * MINUTE_MS;

export interface Mended {
  /** Messages that the second copy gave back, in part or whole. */
  readonly messages: number;
  readonly records: number;
  /** Rows of readings that were named again, so that intervals are made of them again. */
  readonly readingsNamedAgain: number;
}

/**
 * Mends what can be mended of losses that were found and marked: messages from the second copy, intervals by letting the
 * profiler look at their readings again. Readings that are lost are asked of the meters by the gap map, which sees them missing.
 */
export async function mend(
  buffer: Buffer,
  points: readonly PointPlan[],
  found: readonly Damage[],
  now: UtcMs,
): Promise<Mended> {
  const { messages, records } = await buffer.restoreVital();
  let readingsNamedAgain = 0;
  if (found.some(({ key }) => key.startsWith('i/') || key.startsWith('j/intervals/')))
    for (const plan of points.flatMap(({ counted }) => counted))
      for (const span of await missingIntervals(buffer, plan, now))
        for (const { device } of plan.counters) readingsNamedAgain += await buffer.nameReadingsAgain(device, span);
  return { messages, records, readingsNamedAgain };
}

/** Stretches of a channel without intervals, with their boundaries; neighbours are one stretch. */
async function missingIntervals(buffer: Buffer, { point, channel, minutes }: ChannelPlan, now: UtcMs): Promise<Span[]> {
  const length = minutes * MINUTE_MS;
  const range = { start: lastBoundary(now - BACK_MS, minutes), end: lastBoundary(now, minutes) };
  const there = new Set((await buffer.intervals(point, channel, range)).map(({ start }) => start));
  const spans: { start: UtcMs; end: UtcMs }[] = [];
  for (let start = range.start; start < range.end; start += length) {
    if (there.has(start)) continue;
    const last = spans.at(-1);
    // Half-open, so that the reading at the far boundary is in it.
    if (last && last.end > start) last.end = start + length + 1;
    else spans.push({ start, end: start + length + 1 });
  }
  return spans;
}
