import type { Millis, UtcMs } from '../core/time.ts';
import type { Cancel, Timers } from './timers.ts';

/**
 * Two clocks: the wall for stamping, which may step and which a rehearsal may run faster; the monotonic one for waiting,
 * which always runs at the speed of the wire.
 */
export interface Clock extends Timers {
  now(): UtcMs;
  /** How much the wall is meant to advance in a millisecond of monotonic time: more than 1 (the default) in a rehearsal only. */
  readonly rate?: number;
  /** Waits `ms` of monotonic time. Rejects with the signal's reason when aborted; never leaves a timer behind. */
  sleep(ms: Millis, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `task` once, never at once, when the wall clock shows `at` or later; notices when the wall steps meanwhile (within a
   * second). The function that comes back calls it off.
   */
  whenWall(at: UtcMs, task: () => void): Cancel;
  /** Waits until the wall clock shows `at` or later; notices when the wall steps while waiting (within a second). */
  sleepUntil(at: UtcMs, signal?: AbortSignal): Promise<void>;
}
