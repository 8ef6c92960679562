import type { Millis, UtcMs } from '../../core/time.ts';

/** Our clock minus the relay's, certain to half of the time that a message and its first receipt took. */
export interface ClockSeen {
  readonly offsetMs: Millis;
  readonly uncertaintyMs: Millis;
  readonly at: UtcMs;
}

/** @param relayAt when the relay, by its own clock, had what left at `leftAt` and was acknowledged at `at` */
export function clockSeen(leftAt: UtcMs, relayAt: UtcMs, at: UtcMs): ClockSeen {
  return {
    offsetMs: Math.round((leftAt + at) / 2) - relayAt,
    uncertaintyMs: Math.max(0, Math.ceil((at - leftAt) / 2)),
    at,
  };
}

/**
 * How far our clock can be from the relay's now. No older receipt serves for it: a message that goes for the first time is known to
 * nobody before.
 * @param passedMs since it was seen, by the clock that nobody sets
 */
export function offMsAtMost({ offsetMs, uncertaintyMs, at }: ClockSeen, now: UtcMs, passedMs: Millis): Millis {
  const setMs = now - at - passedMs;
  return Math.abs(offsetMs + setMs) + uncertaintyMs;
}
