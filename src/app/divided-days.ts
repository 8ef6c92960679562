import type { Buffer } from '../buffer/index.ts';
import { marketDayOf, marketDaySpan, shiftDay } from '../core/calendar.ts';
import { type MarketDay, MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { PointPlan } from './plan.ts';
import { isOpen } from './versions.ts';

/** A gap that has lasted longer is for a person. */
export const GAP_DAYS_MAX = 7;

/**
 * An estimate is a share of what passed over its whole gap. Where that goes on over an end of the day, its part in the other
 * day was divided with this one: both are finished by the same readings, or they would not add up. Each day is asked for when the
 * one before it is finished.
 * @param today the first day that is not over
 */
export async function* daysDividedWith(
  buffer: Buffer,
  point: PointPlan,
  day: Span,
  today: MarketDay,
  zone: string,
): AsyncGenerator<Span> {
  for (const step of [-1, 1] as const) {
    let name = marketDayOf(point.commodity, day.start, zone);
    for (let n = 0; n < GAP_DAYS_MAX; n++) {
      name = shiftDay(name, step);
      const other = marketDaySpan(point.commodity, name, zone);
      if (name >= today || !(await isEstimatedOver(buffer, point, step < 0 ? other.end : other.start))) break;
      if (await isGivenUpIn(buffer, point, other)) break;
      yield other;
    }
  }
}

/** Whether an estimate on one side of an instant meets something without an actual value on the other. */
async function isEstimatedOver(buffer: Buffer, { counted }: PointPlan, at: UtcMs): Promise<boolean> {
  for (const { point, channel, minutes } of counted) {
    const beside = await buffer.intervals(point, channel, { start: at - minutes * MINUTE_MS, end: at + 1 });
    if (beside.length === 2 && beside.every(isOpen) && beside.some(({ quality }) => quality === 'estimated'))
      return true;
  }
  return false;
}

/** What was accepted and has begun to go for its age is told: no part of it is divided anew. */
async function isGivenUpIn(buffer: Buffer, { counted }: PointPlan, day: Span): Promise<boolean> {
  for (const { point, channel } of counted) if ((await buffer.givenUp(point, channel, day)).length > 0) return true;
  return false;
}
