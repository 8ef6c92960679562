import { type Millis, SECOND_MS, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type Cancel, firstOf, pause } from '../machine/timers.ts';
import { hostTimers } from './timers.ts';

/** Steps of the wall clock are noticed within this real time. */
const WALL_CHECK_MS: Millis = SECOND_MS;

export interface ScaledClockOptions {
  /** What the wall showed at the common start. */
  readonly startWall: UtcMs;
  /** The machine's own wall clock at that start: the same number in every process that shares the clock. */
  readonly startedAtEpochMs: UtcMs;
  /** How many times faster than the machine's the wall runs. */
  readonly scale: number;
}

/** The machine's clocks as they are. */
export function hostClock(): Clock {
  return clockOver(() => Date.now(), 1);
}

/**
 * A rehearsal's clock: the wall runs `scale` times faster from a common start, so that all processes on one machine agree;
 * waits are real. The machine's wall clock is asked once; from then on the monotonic clock carries the time, so a step of
 * the machine's clock cannot tear the rehearsal apart.
 */
export function scaledClock({ startWall, startedAtEpochMs, scale }: ScaledClockOptions): Clock {
  const sinceStartMs = Date.now() - startedAtEpochMs;
  const madeAt = hostTimers.monotonicMs();
  const wall = () => Math.floor(startWall + (sinceStartMs + hostTimers.monotonicMs() - madeAt) * scale);
  return clockOver(wall, scale);
}

function clockOver(now: () => UtcMs, scale: number): Clock {
  const whenWall = (at: UtcMs, task: () => void): Cancel => {
    const leftMs = () => Math.min(Math.max(0, at - now()) / scale, WALL_CHECK_MS);
    const look = () => {
      if (now() >= at) return task();
      cancel = hostTimers.after(leftMs(), look);
    };
    let cancel = hostTimers.after(leftMs(), look);
    return () => cancel();
  };
  return {
    ...hostTimers,
    now,
    rate: scale,
    whenWall,
    sleep: (ms, signal) => pause(hostTimers, ms, signal),
    sleepUntil: async (at, signal) => {
      signal?.throwIfAborted();
      if (now() < at) await firstOf([(wake) => whenWall(at, wake)], signal);
    },
  };
}
