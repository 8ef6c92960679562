import type { Millis, MonotonicMs, UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Bell } from './bell.ts';

/** Without a reason every abort would make an error with a stack. */
const DONE = 'the other clock came first';

/**
 * Waits until either clock has come so far or the bell rings, at most `mostMs` of monotonic time. Infinity for a clock that does
 * not matter. Rejects with the signal's reason.
 */
export async function waitUntil(
  clock: Clock,
  { wallAt, monotonicAt }: { readonly wallAt: UtcMs; readonly monotonicAt: MonotonicMs },
  mostMs: Millis,
  bell: Bell,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const over = new AbortController();
  const stop = () => over.abort(signal.reason);
  signal.addEventListener('abort', stop);
  try {
    const leftMs = Math.max(1, Math.ceil(monotonicAt - clock.monotonicMs()));
    const waits = [clock.sleep(Math.min(mostMs, leftMs), over.signal), bell.heard(over.signal)];
    if (Number.isFinite(wallAt)) waits.push(clock.sleepUntil(wallAt, over.signal));
    await Promise.race(waits);
  } finally {
    signal.removeEventListener('abort', stop);
    over.abort(DONE);
  }
}
