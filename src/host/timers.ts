import type { Timers } from '../machine/timers.ts';

/** setTimeout takes no more than this (24.8 days); longer waits are made of several. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** The machine's own timers. Node may fire up to a millisecond early, so each checks the monotonic clock. */
export const hostTimers: Timers = {
  monotonicMs: () => performance.now(),
  after: (ms, task) => {
    const due = performance.now() + ms;
    const leftMs = () => Math.min(Math.max(0, Math.ceil(due - performance.now())), TIMEOUT_MS_MAX);
    const fire = () => {
      if (performance.now() >= due) return task();
      timer = setTimeout(fire, leftMs());
    };
    let timer = setTimeout(fire, leftMs());
    return () => clearTimeout(timer);
  },
};
