import type { z } from 'zod';
import type { countsSchema } from './level-rows.ts';
import type { StandingStage, StoreCounts } from './store.ts';

export type Counts = z.output<typeof countsSchema>;

/** A message that changes its stage; undefined: it is not, or will not be, counted. */
export interface Change {
  readonly name: string;
  readonly from: StandingStage | undefined;
  readonly to: StandingStage | undefined;
}

const NOTHING = { stored: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 };

/**
 * How many messages there are of each stage. Where a row was rebuilt nobody knows as what it was counted: then all are counted
 * anew by the walk over all rows that is done every day, while messages come and go.
 */
export interface Tally {
  now(): Counts;
  /** What a batch with these changes makes of it; it counts when the batch is on the disk. */
  after(changes: readonly Change[], isDoubtful: boolean): Counts;
  written(counts: Counts, changes: readonly Change[], isDoubtful: boolean): void;
  /** The walk has seen rows of these stages, up to this name; the empty one is the end, and then the next walk begins. */
  walked(stages: readonly StandingStage[], upTo: string): void;
}

export function createTally(counted: Counts): Tally {
  let counts = counted;
  let anew: Counts = NOTHING;
  let seenUpTo = '';
  let isRecount = counted.isDoubtful;
  let isDoubtfulAgain = false;

  return {
    now: () => counts,
    after(changes, isDoubtful) {
      const changed = changedBy(counts, changes);
      return isDoubtful ? { ...changed, isDoubtful } : changed;
    },
    written(made, changes, isDoubtful) {
      counts = made;
      isDoubtfulAgain ||= isDoubtful;
      anew = changedBy(
        anew,
        changes.filter(({ name }) => name <= seenUpTo),
      );
    },
    walked(stages, upTo) {
      anew = changedBy(
        anew,
        stages.map((to) => ({ name: '', from: undefined, to })),
      );
      seenUpTo = upTo;
      if (upTo !== '') return;
      if (isRecount) counts = isDoubtfulAgain ? { ...anew, isDoubtful: true } : anew;
      anew = NOTHING;
      isRecount = counts.isDoubtful;
      isDoubtfulAgain = false;
    },
  };
}

function changedBy(counts: Counts, changes: readonly Change[]): Counts {
  const changed: Counts = { ...counts };
  for (const { from, to } of changes) {
    if (from) changed[from] -= 1;
    if (to) changed[to] += 1;
  }
  return changed;
}

export function plainCounts({ stored, sent, accepted, rejected, unknown }: Counts): StoreCounts {
  return { stored, sent, accepted, rejected, unknown };
}
