import type { Millis, UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type Cancel, firstOf, pause, type Timers } from '../machine/timers.ts';

export interface SimClock extends Clock {
  /** Somebody sets the wall clock: forward, or back with a negative number. */
  stepWall(byMs: Millis): void;
  /** From now on the wall runs this much too fast (parts per million), or too slow with a negative number. */
  drift(partsPerMillion: number): void;
}

interface Sleeper {
  readonly at: UtcMs;
  readonly wake: () => void;
  cancel: Cancel;
}

/**
 * @param startWall what the wall shows now
 * @param meantRate how many times faster than the wire the wall is meant to run; a drift comes on top
 */
export function simClock(timers: Timers, startWall: UtcMs, meantRate = 1): SimClock {
  let anchorWall = startWall;
  let anchorMs = timers.monotonicMs();
  let rate = meantRate;
  const sleepers = new Set<Sleeper>();

  const exactNow = () => anchorWall + (timers.monotonicMs() - anchorMs) * rate;
  const now = () => Math.floor(exactNow());
  const arm = (sleeper: Sleeper) => {
    // A fraction of a millisecond more, never less: a sleeper that wakes finds the wall at its time.
    const leftMs = Math.ceil((sleeper.at - exactNow()) / rate);
    sleeper.cancel = timers.after(leftMs, () => (now() >= sleeper.at ? sleeper.wake() : arm(sleeper)));
  };
  const change = (how: () => void) => {
    anchorWall = exactNow();
    anchorMs = timers.monotonicMs();
    how();
    for (const sleeper of sleepers) {
      sleeper.cancel();
      arm(sleeper);
    }
  };

  const whenWall = (at: UtcMs, task: () => void): Cancel => {
    const sleeper: Sleeper = {
      at,
      wake: () => {
        sleepers.delete(sleeper);
        task();
      },
      cancel: () => undefined,
    };
    sleepers.add(sleeper);
    arm(sleeper);
    return () => {
      sleepers.delete(sleeper);
      sleeper.cancel();
    };
  };

  return {
    now,
    monotonicMs: () => timers.monotonicMs(),
    after: (ms, task) => timers.after(ms, task),
    rate: meantRate,
    whenWall,
    sleep: (ms, signal) => pause(timers, ms, signal),
    sleepUntil: async (at, signal) => {
      signal?.throwIfAborted();
      if (now() < at) await firstOf([(wake) => whenWall(at, wake)], signal);
    },
    stepWall: (byMs) =>
      change(() => {
        anchorWall += byMs;
      }),
    drift: (partsPerMillion) =>
      change(() => {
        rate = meantRate * (1 + partsPerMillion / 1e6);
      }),
  };
}
