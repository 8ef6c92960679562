import { type LocalTime, type MeterClockMode, meterTimeToUtc } from './calendar.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type Millis, type UtcMs } from './time.ts';

/**
 * The autumn hour that happens twice: which of the two a meter means by a stamp without a summer bit, and when nobody can say.
 * A wrong guess puts the index of one hour under the other, and no check of sums ever finds it; so doubt is refused.
 */

/** How far a meter's clock may be ahead of ours: a stamp of what was frozen lies no further in the future. */
export const STAMP_AHEAD_MS_MAX: Millis = 2 * MINUTE_MS;
/** A dialogue's time is taken at its start; it may last so long, with the meter's clock ahead beside. */
const DOUBT_BEFORE_MS: Millis = 10 * MINUTE_MS;
/** The meter's clock may be behind by so much, so that it still shows the stamp of an hour before. */
const DOUBT_AFTER_MS: Millis = 2 * MINUTE_MS;

/** The instants a stamp can mean: two in the autumn hour that happens twice, else `early` and `late` are the same. */
export interface Meanings {
  readonly early: UtcMs;
  readonly late: UtcMs;
}

/** What a meter's wall time can mean, or undefined when no such time exists (spring gap, 31 February). */
export function meaningsOfLocal(local: LocalTime, zone: string, mode: MeterClockMode): Meanings | undefined {
  const early = meterTimeToUtc(local, zone, mode, { near: Number.NEGATIVE_INFINITY });
  const late = meterTimeToUtc(local, zone, mode, { near: Number.POSITIVE_INFINITY });
  return early === undefined || late === undefined ? undefined : { early, late };
}

export function isDoubled({ early, late }: Meanings): boolean {
  return early !== late;
}

/**
 * The instant of what a meter froze last, for a meter that goes on each hour or oftener. To be believed only where
 * doubledHourFault finds nothing.
 */
export function frozenAt({ early, late }: Meanings, now: UtcMs): UtcMs {
  return late <= now ? late : early;
}

/**
 * What a running clock shows: the nearer of the two, as clocks are off by minutes. Never "the last that is not ahead": one that
 * is a few seconds fast would be an hour slow throughout the second of the two hours.
 */
export function shownAt({ early, late }: Meanings, now: UtcMs): UtcMs {
  return Math.abs(late - now) < Math.abs(early - now) ? late : early;
}

/** Whether `now` is so near to the second instant that a meter may be on either side of it. */
export function isDoubtful(meanings: Meanings, now: UtcMs): boolean {
  const { late } = meanings;
  return isDoubled(meanings) && now >= late - DOUBT_BEFORE_MS && now < late + DOUBT_AFTER_MS;
}

/**
 * Why the stamp of a value frozen last cannot be told from the same local time an hour off, or undefined when it can: the meter
 * may be on either side of the second instant; or it should have gone on long ago, and nobody knows since when it stands still.
 */
export function doubledHourFault(meanings: Meanings, now: UtcMs): string | undefined {
  const { late } = meanings;
  const knownFrom = late + DOUBT_AFTER_MS;
  const either = () => `${isoUtc(late)} or the same local time an hour before`;
  if (isDoubtful(meanings, now)) return `${either()}; it can be told from ${isoUtc(knownFrom)} on`;
  if (!isDoubled(meanings) || now < knownFrom + HOUR_MS) return undefined;
  return `${either()}; the meter should have frozen another value since (now ${isoUtc(now)})`;
}
