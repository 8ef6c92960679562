import type { Millis, UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type Cancel, pause, type Timers } from '../machine/timers.ts';

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

  return {
    now,
    monotonicMs: () => timers.monotonicMs(),
    rate: meantRate,
    sleep: (ms, signal) => pause(timers, ms, signal),
    sleepUntil: (at, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        if (now() >= at) return resolve();
        const leave = () => {
          sleepers.delete(sleeper);
          signal?.removeEventListener('abort', abort);
        };
        const abort = () => {
          sleeper.cancel();
          leave();
          reject(signal?.reason);
        };
        const wake = () => {
          leave();
          resolve();
        };
        const sleeper: Sleeper = { at, wake, cancel: () => undefined };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', abort, { once: true });
        arm(sleeper);
      }),
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
