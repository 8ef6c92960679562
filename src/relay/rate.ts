import { type MonotonicMs, SECOND_MS } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';

/** Lets through at most so many in any second; the others wait, whoever came first goes first. */
export interface Rate {
  /** Rejects when the signal aborts. */
  pass(signal: AbortSignal): Promise<void>;
}

export function createRate(perSecondMax: number, clock: Pick<Clock, 'monotonicMs' | 'sleep'>): Rate {
  /** When the last ones went or will go, as many as may in a second; the oldest first. */
  const times: MonotonicMs[] = [];
  return {
    async pass(signal) {
      const now = clock.monotonicMs();
      const oldest = times.length < perSecondMax ? undefined : times.shift();
      const at = oldest === undefined ? now : Math.max(now, oldest + SECOND_MS);
      times.push(at);
      if (at > now) await clock.sleep(at - now, signal);
    },
  };
}
