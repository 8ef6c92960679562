import type { MarketDay, MonotonicMs, UtcMs } from '../core/time.ts';

/** A message that is not settled. */
export interface Waiting {
  readonly name: string;
  readonly site: string;
  readonly day: MarketDay;
  readonly receivedAt: UtcMs;
}

/**
 * Who goes next, in memory: the newest market day first, so that a site that catches up with a month holds up nothing that is
 * fresh; within a day the sites take turns, so that a large one holds up no small one; within a site whoever came first.
 * Dues are by the clock that nobody sets.
 */
export interface FairQueue {
  has(name: string): boolean;
  add(one: Waiting, dueAt: MonotonicMs): void;
  /** Gives at most `limit` that are due; they are due again at `againAt`. */
  take(limit: number, now: MonotonicMs, againAt: MonotonicMs): Waiting[];
  putOff(name: string, dueAt: MonotonicMs): void;
  remove(name: string): void;
  /** When the one came that waits longest. */
  oldest(): UtcMs | undefined;
}

/** The queues of a day's sites, in the order of their turns. */
type Turns = Map<string, Waiting[]>;

export function createFairQueue(): FairQueue {
  const all = new Map<string, Waiting>();
  const later = new Map<string, MonotonicMs>();
  const days = new Map<MarketDay, Turns>();
  let newestFirst: MarketDay[] = [];
  let earliest = Number.POSITIVE_INFINITY;

  function putReady(one: Waiting): void {
    const turns: Turns = days.get(one.day) ?? new Map();
    if (!days.has(one.day)) {
      days.set(one.day, turns);
      newestFirst = [...days.keys()].sort().reverse();
    }
    const queue = turns.get(one.site) ?? [];
    const after = queue.findLastIndex(({ receivedAt }) => receivedAt <= one.receivedAt);
    queue.splice(after + 1, 0, one);
    turns.set(one.site, queue);
  }

  function putLater(name: string, dueAt: MonotonicMs): void {
    later.set(name, dueAt);
    earliest = Math.min(earliest, dueAt);
  }

  function bringUp(now: MonotonicMs): void {
    if (now < earliest) return;
    earliest = Number.POSITIVE_INFINITY;
    for (const [name, dueAt] of later) {
      const one = all.get(name);
      if (dueAt > now) earliest = Math.min(earliest, dueAt);
      else later.delete(name);
      if (one && dueAt <= now) putReady(one);
    }
  }

  /** One of each site in turn; a site that has more goes to the end. */
  function takeOf(turns: Turns, limit: number, taken: Waiting[]): void {
    for (const [site, queue] of turns) {
      if (taken.length >= limit) return;
      const one = queue.shift();
      turns.delete(site);
      // A map hands out what is added while it is walked.
      if (queue.length > 0) turns.set(site, queue);
      if (one && all.has(one.name)) taken.push(one);
    }
  }

  return {
    oldest() {
      let least: UtcMs | undefined;
      for (const { receivedAt } of all.values()) least = Math.min(least ?? receivedAt, receivedAt);
      return least;
    },
    has: (name) => all.has(name),
    add(one, dueAt) {
      all.set(one.name, one);
      putLater(one.name, dueAt);
    },
    take(limit, now, againAt) {
      bringUp(now);
      const taken: Waiting[] = [];
      for (const day of newestFirst) {
        takeOf(days.get(day) ?? new Map(), limit, taken);
        if (days.get(day)?.size === 0) days.delete(day);
        if (taken.length >= limit) break;
      }
      if (newestFirst.length !== days.size) newestFirst = [...days.keys()].sort().reverse();
      for (const { name } of taken) putLater(name, againAt);
      return taken;
    },
    putOff(name, dueAt) {
      if (later.has(name)) putLater(name, dueAt);
    },
    remove(name) {
      all.delete(name);
      later.delete(name);
    },
  };
}
