import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { type Failure, failure } from '../core/failure.ts';
import type { MessageId, Receipt } from '../core/message.ts';
import type { MonotonicMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import { OWN_REASON_TYPE } from '../message/answer.ts';

/** So many answers in a row that nobody understands: with the usual retry rule the last of them come over some three days. */
export const UNCLEAR_MAX = 20;
/** The pauses grow so much longer than those after a fault: 6 hours where the retry rule ends at 15 minutes. */
const PAUSE_TIMES = 24;

interface Unclear {
  /** The reasons as text: an answer's own id and time differ each time. */
  readonly says: string;
  /** The attempt at which this answer was kept word for word. */
  readonly attempt: number;
  times: number;
  until: MonotonicMs;
}

export interface UnclearAnswers {
  /** What is to be stored of an answer: everything, or, where it says what the one before it said, only that. */
  keptOf(receipt: Receipt): Receipt;
  /** An unclear answer was stored. Gives a failure when from now on the message waits for a person. */
  noted(receipt: Receipt, attempt: number): Failure | undefined;
  /** When the message may go again: never, while it waits for a person. */
  until(id: MessageId): MonotonicMs;
  forgetAllBut(ids: ReadonlySet<MessageId>): void;
}

/**
 * Answers that nobody understands, message by message. To repeat the message may help once or twice, but a code that the pack
 * does not know comes again each time: it must neither fill the disk nor trouble the operator for ever. Only this program's
 * own time counts: after a restart, perhaps with another pack or certificate, every message goes at once.
 */
export function createUnclearAnswers(retry: BackoffRule, clock: Clock, entropy: Entropy): UnclearAnswers {
  const rule = { ...retry, mostMs: retry.mostMs * PAUSE_TIMES };
  const known = new Map<MessageId, Unclear>();
  const isRepeated = ({ message, verdict, reasons }: Receipt): boolean =>
    verdict === 'unknown' && known.get(message)?.says === JSON.stringify(reasons);

  return {
    keptOf(receipt) {
      const before = known.get(receipt.message);
      if (!before || !isRepeated(receipt)) return receipt;
      const text = `it says the same as the answer to attempt ${before.attempt}`;
      return { ...receipt, reasons: [{ code: 'same-answer', type: OWN_REASON_TYPE, text }], xml: '' };
    },
    noted(receipt, attempt) {
      const id = receipt.message;
      const before = known.get(id);
      const times = (before?.times ?? 0) + 1;
      const isOver = times >= UNCLEAR_MAX;
      known.set(id, {
        says: JSON.stringify(receipt.reasons),
        attempt: before && isRepeated(receipt) ? before.attempt : attempt,
        times,
        until: isOver ? Number.POSITIVE_INFINITY : clock.monotonicMs() + backoffMs(rule, times, entropy.fraction()),
      });
      if (!isOver) return undefined;
      return failure(
        'operator-answer-stays-unknown',
        `message ${id} got ${times} answers that nobody understands and is not sent again by itself; read the answer, mend the format pack or the operator's certificates, and restart: then it goes at once, under the same id`,
      );
    },
    until: (id) => known.get(id)?.until ?? Number.NEGATIVE_INFINITY,
    forgetAllBut(ids) {
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    },
  };
}
