import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import type { Failure } from '../core/failure.ts';
import type { MessageId } from '../core/message.ts';
import type { Millis } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { Delivery } from '../uplink/direct.ts';
import { createUnclearAnswers, type UnclearAnswers } from '../uplink/unclear.ts';
import { NEVER, type Settled, type SiteMessage, type Standing } from './store.ts';

export interface AnswersDeps {
  readonly settle: (result: Settled) => Promise<void>;
  readonly answer: (message: SiteMessage, standing: Standing) => void;
  readonly alert: (message: SiteMessage, problem: Failure | undefined) => void;
  readonly retry: BackoffRule;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface Answers {
  /** How a try ended: kept, then told to the site and, where waiting does not mend it, to people. */
  take(message: SiteMessage, attempt: number, delivery: Delivery): Promise<void>;
}

export function createAnswers({ settle, answer, alert, retry, clock, entropy, log }: AnswersDeps): Answers {
  const unclear = createUnclearBySender(() => createUnclearAnswers(retry, clock, entropy));

  return {
    async take(message, attempt, delivery) {
      const { outcome, detail, receipt } = delivery;
      const { sender, id, site } = message;
      // By a clock that was set back it would be old at once, and forgotten.
      const at = Math.max(clock.now(), message.receivedAt);
      const stuck = receipt?.verdict === 'unknown' ? unclear.noted(sender, receipt, attempt) : undefined;
      if (receipt && receipt.verdict !== 'unknown') unclear.forget(sender, id);
      const result: Settled = {
        sender,
        id,
        stage: receipt?.verdict ?? (outcome === 'not-sent' ? 'stored' : 'sent'),
        reasons: receipt?.reasons ?? [],
        ...(receipt && { answer: receipt.xml }),
        at,
        dueInMs: receipt?.verdict === 'unknown' ? dueInMs(sender, id) : backoffMs(retry, attempt, entropy.fraction()),
      };
      await settle(result);
      log.info('message-tried', { site, message: id, number: attempt, outcome, detail });
      // A receipt is signed: it says `sent` of what left, or may have left, and of nothing else.
      if (result.stage !== 'stored') answer(message, { ...result, attempts: attempt });
      alert(message, stuck ?? forPerson(delivery));
    },
  };

  /** What nobody understands goes again after growing pauses, and at last only when a person has done something. */
  function dueInMs(sender: string, id: MessageId): Millis {
    const until = unclear.until(sender, id);
    return Number.isFinite(until) ? Math.max(0, Math.ceil(until - clock.monotonicMs())) : NEVER;
  }
}

/** Ids are a sender's own. */
function createUnclearBySender(make: () => UnclearAnswers) {
  const senders = new Map<string, { readonly answers: UnclearAnswers; readonly ids: Set<MessageId> }>();
  const of = (sender: string) => {
    const found = senders.get(sender) ?? { answers: make(), ids: new Set() };
    senders.set(sender, found);
    return found;
  };
  return {
    noted(sender: string, receipt: NonNullable<Delivery['receipt']>, attempt: number): Failure | undefined {
      of(sender).ids.add(receipt.message);
      return of(sender).answers.noted(receipt, attempt);
    },
    until: (sender: string, id: MessageId) => of(sender).answers.until(id),
    forget(sender: string, id: MessageId): void {
      const { answers, ids } = of(sender);
      if (ids.delete(id)) answers.forgetAllBut(ids);
    },
  };
}

/** What waiting does not mend. */
function forPerson({ outcome, receipt, failure: problem }: Delivery): Failure | undefined {
  if (receipt?.verdict === 'accepted') return undefined;
  const isForPerson = receipt !== undefined || (outcome === 'not-sent' && problem?.code !== 'operator-unreachable');
  return isForPerson ? problem : undefined;
}
