import type { Millis, MonotonicMs } from '../core/time.ts';

/** What clocks, lines and the like are built on: real timers in host/, those of the imagined world in sim/. */
export interface Timers {
  monotonicMs(): MonotonicMs;
  /** Calls `task` once, never before `ms` have passed; the function that comes back calls it off. */
  after(ms: Millis, task: () => void): Cancel;
}

export type Cancel = () => void;

/** Waits `ms`. Rejects with the signal's reason when aborted; leaves neither a timer nor a listener behind. */
export function pause(timers: Timers, ms: Millis, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const cancel = timers.after(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    const abort = () => {
      cancel();
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}
