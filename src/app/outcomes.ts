import type { Outbox } from '../buffer/outbox.ts';

/** All ways in which a try can end. */
export const OUTCOMES = ['accepted', 'rejected', 'unknown', 'not-sent', 'no-answer', 'fault'] as const;

/** So many tries to deliver ended like this. */
export interface OutcomeCount {
  /** `accepted`, `rejected` or `unknown` where there was an answer, else how the try ended: `not-sent`, `no-answer`, `fault`. */
  readonly outcome: string;
  readonly count: number;
}

export interface Outcomes {
  /** The same outbox, counted. */
  of(outbox: Outbox): Outbox;
  counts(): readonly OutcomeCount[];
}

/** Counts at the outbox how tries end, so that either way to the operator is counted alike. */
export function createOutcomes(): Outcomes {
  const counted = new Map<string, number>();
  return {
    of: (outbox) => ({
      ...outbox,
      async endAttempt(attempt, receipt) {
        await outbox.endAttempt(attempt, receipt);
        const outcome = receipt?.verdict ?? attempt.outcome;
        counted.set(outcome, (counted.get(outcome) ?? 0) + 1);
      },
    }),
    counts: () => [...counted].map(([outcome, count]) => ({ outcome, count })),
  };
}
