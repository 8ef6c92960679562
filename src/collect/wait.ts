import type { Millis, MonotonicMs, UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type Alarm, firstOf } from '../machine/timers.ts';
import type { Bell } from './bell.ts';

/**
 * Waits until either clock has come so far or the bell rings, at most `mostMs` of monotonic time. Infinity for a clock that does
 * not matter. Rejects with the signal's reason.
 */
export function waitUntil(
  clock: Clock,
  { wallAt, monotonicAt }: { readonly wallAt: UtcMs; readonly monotonicAt: MonotonicMs },
  mostMs: Millis,
  bell: Bell,
  signal: AbortSignal,
): Promise<void> {
  const leftMs = Math.max(1, Math.ceil(monotonicAt - clock.monotonicMs()));
  const alarms: Alarm[] = [(wake) => clock.after(Math.min(mostMs, leftMs), wake), bell.alarm];
  if (Number.isFinite(wallAt)) alarms.push((wake) => clock.whenWall(wallAt, wake));
  return firstOf(alarms, signal);
}
