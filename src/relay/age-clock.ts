import { HOUR_MS, isoUtc, type Millis, type MonotonicMs, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { RelayStore } from './store.ts';

const DAY_MS = 24 * HOUR_MS;
/** While a relay runs its age clock makes up for the time that it did not. */
const TIMES = 2;
/** A first time is believed when it has held for so long. */
const HELD_MS: Millis = DAY_MS;
/** A restart takes less. */
const AHEAD_MS: Millis = 2 * DAY_MS;

export interface Age {
  /** What is given up goes by this; undefined while nothing may be. */
  readonly at: UtcMs | undefined;
  /** Why the wall clock is not believed, for a person. */
  readonly doubt?: string;
}

/**
 * The time by which a store forgets. A wall clock that is years ahead for a moment made it forget everything, and what was accepted
 * went to the operator again. So this one goes on with the time that passes while a relay runs, at most twice as fast, and is never
 * later than the wall clock: after an hour of a wrong clock it is an hour or two ahead, after a month without relays it is a month
 * behind, in which nothing is given up that should stay.
 */
export function createAgeClock(
  store: Pick<RelayStore, 'agedTo' | 'ageTo' | 'now'>,
  clock: Pick<Clock, 'now' | 'monotonicMs'>,
) {
  const startedAt = clock.monotonicMs();
  let last: { readonly at: UtcMs; readonly monotonic: MonotonicMs } | undefined;

  return {
    async look(): Promise<Age> {
      const wall = store.now ? await store.now() : clock.now();
      const monotonic = clock.monotonicMs();
      const kept = last?.at ?? (await store.agedTo());
      if (kept === undefined && monotonic - startedAt < HELD_MS) return { at: undefined };
      const before = kept ?? wall;
      const passed = monotonic - (last?.monotonic ?? monotonic);
      const at = Math.max(before, Math.min(wall, before + TIMES * passed));
      last = { at, monotonic };
      await store.ageTo(at);
      if (wall - at < AHEAD_MS) return { at: Math.min(at, wall) };
      const days = Math.round((wall - at) / DAY_MS);
      const doubt = `the ${store.now ? "database's" : "relay's"} clock, ${isoUtc(wall)}, is ${days} days ahead of the time up to which a relay ran; put it right, or, if no relay ran for so long, wait: nothing is given up too early, and what is too old goes in the next ${days} days`;
      return { at, doubt };
    },
  };
}
