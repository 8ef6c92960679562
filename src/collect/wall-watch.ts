import type { Millis } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';

/** What the wall may gain or lose between two looks, at the rate it is meant to run: slewing (NTP) is far below, a step is not. */
const STEP_LEAST_MS: Millis = 2_000;

export interface WallWatch {
  /** How often the wall was set until now. To be called often: what it gains or loses between two calls counts as one step. */
  steps(): number;
}

/** Notices when somebody sets the wall clock, by the monotonic one. Tells each step once, with its size. */
export function createWallWatch(clock: Clock, log: Log): WallWatch {
  const rate = clock.rate ?? 1;
  const ahead = () => clock.now() - clock.monotonicMs() * rate;
  let last = ahead();
  let steps = 0;
  return {
    steps() {
      const now = ahead();
      const byMs = Math.round(now - last);
      last = now;
      if (Math.abs(byMs) > STEP_LEAST_MS * rate) {
        steps += 1;
        log.error('wall-clock-stepped', { byMs, steps });
      }
      return steps;
    },
  };
}
