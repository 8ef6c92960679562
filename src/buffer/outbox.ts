import { OdecetError } from '../core/failure.ts';
import type { Attempt, Message, MessageId, Receipt } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';
import { decodeEvent, decodeLife, encodeEnded, encodeReceipt } from './codec-delivery.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { below, eventKey, messageKey } from './keys.ts';
import { type LifeEvent, stateOf, waitingState } from './life.ts';
import type { MessageReader } from './messages.ts';
import { damaged, type Rows } from './rows.ts';
import { keepLife, lifeInDraft, noSuchMessage } from './waiting.ts';

/**
 * A message that still waits for an accepting or rejecting answer.
 * `prepared`: no byte of it can have been taken. `sent` and `unknown`: the outcome is unknown, only the same id may go again.
 */
export interface QueuedMessage {
  readonly message: Message;
  readonly state: 'prepared' | 'sent' | 'unknown';
  /** How many attempts have begun. */
  readonly attempts: number;
  readonly lastEndedAt?: UtcMs;
}

/** What the uplink may do with messages. Every change is on the disk when its promise resolves. */
export interface Outbox {
  /** All that wait, by rising id. A message that cannot be read is left out and reported as damage. */
  waiting(): Promise<QueuedMessage[]>;
  /** Marks the message as sent before its first byte leaves; gives the attempt's number, from 1. */
  beginAttempt(id: MessageId, startedAt: UtcMs): Promise<number>;
  /** `answered` needs its receipt, the other outcomes have none. Saying the same again changes nothing. */
  endAttempt(attempt: Attempt, receipt?: Receipt): Promise<void>;
}

export function openOutbox(journal: Journal, rows: Rows, messages: MessageReader): Outbox {
  return {
    async waiting() {
      const queued: QueuedMessage[] = [];
      for (const key of await rows.keys(below('w/'))) {
        const id = key.slice('w/'.length);
        const life = (await intact(rows.get(key, decodeLife))) ?? (await messages.life(id));
        const state = waitingState(life);
        const message = state && (await intact(messages.message(id)));
        if (!state || !message) continue;
        const { attempts, lastEndedAt } = life;
        queued.push({ message, state, attempts, ...(lastEndedAt !== undefined && { lastEndedAt }) });
      }
      return queued;
    },

    beginAttempt: (id, startedAt) =>
      journal.write(async (draft) => {
        await mustHold(draft, id);
        const found = await lifeInDraft(draft, id);
        if (!waitingState(found.life))
          throw new OdecetError('unexpected', `message ${id} is ${stateOf(found.life)}; it must not be sent again`);
        const attempt = found.life.attempts + 1;
        draft.add('delivery', eventKey(id, attempt, 'began'), { startedAt });
        keepLife(draft, id, found, { what: 'began', attempt });
        return attempt;
      }),

    endAttempt: (attempt, receipt) =>
      journal.write(async (draft) => {
        const { message: id, number, outcome, endedAt } = attempt;
        if ((outcome === 'answered') !== (receipt !== undefined))
          throw new OdecetError(
            'unexpected',
            `attempt ${number} of message ${id} ended ${outcome}: ${receipt ? 'it has' : 'it lacks'} a receipt`,
          );
        if (!(await draft.get(eventKey(id, number, 'began'))))
          throw new OdecetError('unexpected', `attempt ${number} of message ${id} never began`);
        if (await endedBefore(draft, attempt)) return;
        const found = await lifeInDraft(draft, id);
        const events: LifeEvent[] = [{ what: 'ended', attempt: number, outcome, endedAt }];
        draft.add('delivery', eventKey(id, number, 'ended'), encodeEnded(attempt));
        if (receipt) {
          draft.add('delivery', eventKey(id, number, 'receipt'), encodeReceipt(receipt));
          events.push({ what: 'receipt', attempt: number, verdict: receipt.verdict });
        }
        keepLife(draft, id, found, ...events);
      }),
  };
}

/** A damaged row was reported by the read; the others go on. */
async function intact<T>(read: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof OdecetError && error.failure.code === 'store-damaged') return undefined;
    throw error;
  }
}

async function mustHold(draft: Draft, id: MessageId): Promise<void> {
  const row = await draft.get(messageKey(id));
  if (!row) throw noSuchMessage(id);
  if (isDamage(row)) throw damaged(row);
}

async function endedBefore(draft: Draft, attempt: Attempt): Promise<boolean> {
  const row = await draft.get(eventKey(attempt.message, attempt.number, 'ended'));
  if (!row) return false;
  const event = isDamage(row) ? row : decodeEvent(row);
  if (isDamage(event)) throw damaged(event);
  if (event.what === 'ended' && event.ended.outcome === attempt.outcome) return true;
  throw new OdecetError(
    'unexpected',
    `attempt ${attempt.number} of message ${attempt.message} has ended already, otherwise`,
  );
}
