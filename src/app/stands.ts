import type { Buffer } from '../buffer/index.ts';
import type { Interval } from '../core/interval.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type UtcMs } from '../core/time.ts';
import { isSound, NOTHING_KNOWN, type Stands, standsAfter } from '../profile/dip.ts';
import type { ChannelPlan } from '../profile/interval.ts';

/** As long as days are closed by themselves: what went back earlier than that was for a person long ago. */
const REACH_MS: Millis = 45 * 24 * HOUR_MS;
/** A gap that has lasted longer is for a person. */
const GAP_MS_MAX: Millis = 7 * 24 * HOUR_MS;

/**
 * Where the counters of a channel stand at an instant, as the stored intervals before it say. Most often the first one back
 * tells all.
 * @param last the interval that ends there, where it is at hand
 */
export async function standsBefore(buffer: Buffer, plan: ChannelPlan, at: UtcMs, last?: Interval): Promise<Stands> {
  if (last && isSound(last)) return standsAfter(plan, NOTHING_KNOWN, last);
  const since: Interval[] = [];
  let end = at;
  for (let stepMs = plan.minutes * MINUTE_MS; end > at - REACH_MS; stepMs *= 8) {
    const start = Math.max(end - stepMs, at - REACH_MS);
    const found = await buffer.intervals(plan.point, plan.channel, { start, end });
    const sound = found.findLastIndex(isSound);
    since.unshift(...found.slice(Math.max(sound, 0)));
    const isGap = at - start >= GAP_MS_MAX && since.every(({ origins }) => origins.length === 0);
    if (sound >= 0 || isGap) break;
    end = start;
  }
  return standsOver(plan, NOTHING_KNOWN, since);
}

/** A stored interval and those after it that follow one another without a hole. */
export async function* followersOf(
  buffer: Buffer,
  { point, channel }: ChannelPlan,
  first: Interval | undefined,
): AsyncGenerator<Interval> {
  let last = first;
  if (last) yield last;
  while (last) {
    const { end } = last;
    const found = await buffer.intervals(point, channel, { start: end, end: end + FOLLOWERS_AT_ONCE_MS });
    for (const interval of found) {
      if (interval.start !== last.end) return;
      yield interval;
      last = interval;
    }
    if (found.length === 0) return;
  }
}

const FOLLOWERS_AT_ONCE_MS: Millis = 24 * HOUR_MS;

/** Where they stand after intervals that follow one another. */
export function standsOver(plan: ChannelPlan, stands: Stands, intervals: readonly Interval[]): Stands {
  return intervals.reduce((standing, interval) => standsAfter(plan, standing, interval), stands);
}
