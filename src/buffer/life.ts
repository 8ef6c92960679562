import type { AttemptOutcome, MessageHead, MessageState, Verdict } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';

/**
 * A message's life, folded from its records. The order in which the records of different attempts arrive does not matter:
 * an answer may come after the next attempt has begun.
 */
export interface Life {
  /** How many attempts have begun. */
  readonly attempts: number;
  /** Attempts that have begun and not ended: running, or cut off by a crash. */
  readonly open: readonly number[];
  /** The last attempt that left (its answer, if any, is a receipt); 0 for none. */
  readonly lastLeft: number;
  /** The last attempt whose answer nobody understands; 0 for none. */
  readonly lastUnknown: number;
  readonly accepted: boolean;
  readonly rejected: boolean;
  readonly superseded: boolean;
  readonly lastEndedAt?: UtcMs;
  /** In the outbox, so that no document is read to know what waits; a life that was folded from its records does not say. */
  readonly about?: Omit<MessageHead, 'id'>;
}

export type LifeEvent =
  | { readonly what: 'began'; readonly attempt: number }
  | { readonly what: 'ended'; readonly attempt: number; readonly outcome: AttemptOutcome; readonly endedAt: UtcMs }
  | { readonly what: 'receipt'; readonly attempt: number; readonly verdict: Verdict }
  | { readonly what: 'superseded' };

export const NEW_LIFE: Life = {
  attempts: 0,
  open: [],
  lastLeft: 0,
  lastUnknown: 0,
  accepted: false,
  rejected: false,
  superseded: false,
};

export function advance(life: Life, event: LifeEvent): Life {
  switch (event.what) {
    case 'began':
      return { ...life, attempts: Math.max(life.attempts, event.attempt), open: [...life.open, event.attempt] };
    case 'ended':
      return {
        ...life,
        open: life.open.filter((attempt) => attempt !== event.attempt),
        lastLeft:
          event.outcome === 'not-sent' || event.outcome === 'fault'
            ? life.lastLeft
            : Math.max(life.lastLeft, event.attempt),
        lastEndedAt: Math.max(life.lastEndedAt ?? event.endedAt, event.endedAt),
      };
    case 'receipt':
      return {
        ...life,
        accepted: life.accepted || event.verdict === 'accepted',
        rejected: life.rejected || event.verdict === 'rejected',
        lastUnknown: event.verdict === 'unknown' ? Math.max(life.lastUnknown, event.attempt) : life.lastUnknown,
      };
    case 'superseded':
      return { ...life, superseded: true };
  }
}

/**
 * An attempt that was not taken (`not-sent`, `fault`) leaves the state as it was before: it cannot make a doubt about an
 * earlier attempt go away.
 */
export function stateOf(life: Life): MessageState {
  if (life.superseded) return 'superseded';
  if (life.accepted) return 'accepted';
  if (life.rejected) return 'rejected';
  if (Math.max(life.lastLeft, ...life.open) > life.lastUnknown) return 'sent';
  return life.lastUnknown > 0 ? 'unknown' : 'prepared';
}

/** The state of a message that an uplink still has to deliver; undefined when it is final. */
export function waitingState(life: Life): 'prepared' | 'sent' | 'unknown' | undefined {
  const state = stateOf(life);
  return state === 'prepared' || state === 'sent' || state === 'unknown' ? state : undefined;
}
