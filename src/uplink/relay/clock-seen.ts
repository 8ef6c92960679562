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
