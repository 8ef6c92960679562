import type { Millis, MonotonicMs } from '../core/time.ts';
import { onAbort } from './abort.ts';

/** What clocks, lines and the like are built on: real timers in host/, those of the imagined world in sim/. */
export interface Timers {
  monotonicMs(): MonotonicMs;
  /** Calls `task` once, never before `ms` have passed; the function that comes back calls it off. */
  after(ms: Millis, task: () => void): Cancel;
}

export type Cancel = () => void;

/** What may end a wait: it is given what to call, later and once, and gives back what calls it off. */
export type Alarm = (wake: () => void) => Cancel;

/**
 * Waits for the first of the alarms and calls the others off. Rejects with the signal's reason when aborted; leaves neither a
 * timer nor a listener behind.
 */
export function firstOf(alarms: readonly Alarm[], signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancels: Cancel[] = [];
    const callOff = () => {
      for (const cancel of cancels) cancel();
    };
    const wake = () => {
      callOff();
      resolve();
    };
    const abort = () => {
      callOff();
      reject(signal?.reason);
    };
    for (const alarm of alarms) cancels.push(alarm(wake));
    if (signal) cancels.push(onAbort(signal, abort));
  });
}

/** Waits `ms`. Rejects with the signal's reason when aborted; leaves neither a timer nor a listener behind. */
export function pause(timers: Timers, ms: Millis, signal?: AbortSignal): Promise<void> {
  return firstOf([(wake) => timers.after(ms, wake)], signal);
}
