import { OdecetError } from '../core/failure.ts';
import type { Attempt, Message, MessageHead, MessageId, MessageState, Receipt } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';
import type { Damage } from './api.ts';
import { decodeEvent, decodeLife, encodeEnded, encodeReceipt } from './codec-delivery.ts';
import { isDamage, type Row } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { below, eventKey, messageKey } from './keys.ts';
import { type Life, type LifeEvent, stateOf, waitingState } from './life.ts';
import type { ReadHead } from './message-heads.ts';
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

export type { MessageHead } from '../core/message.ts';

/** The same without the document, which may be large. */
export interface QueuedHead extends Omit<QueuedMessage, 'message'> {
  readonly message: MessageHead;
}

/** What the uplink may do with messages. Every change is on the disk when its promise resolves. */
export interface Outbox {
  /** What waits, by rising id, without the documents: a backlog of weeks is looked at again and again. One of them may be damaged. */
  heads(): Promise<QueuedHead[]>;
  /** The message of a head; undefined when it cannot be read, which is reported as damage. */
  read(id: MessageId): Promise<Message | undefined>;
  /** Marks the message as sent before its first byte leaves; gives the attempt's number, from 1. Throws WaitsNoLonger. */
  beginAttempt(id: MessageId, startedAt: UtcMs): Promise<number>;
  /** `answered` needs its receipt, the other outcomes have none. Saying the same again changes nothing. */
  endAttempt(attempt: Attempt, receipt?: Receipt): Promise<void>;
}

/** The message was answered or superseded, or a person closed it, since somebody looked: it must not be sent again. */
export class WaitsNoLonger extends OdecetError {
  constructor(id: MessageId, state: MessageState) {
    super('unexpected', `message ${id} is ${state}; it must not be sent again`);
  }
}

export function openOutbox(journal: Journal, rows: Rows, messages: MessageReader, headOf: ReadHead): Outbox {
  async function queuedHead(id: MessageId, life: Life): Promise<QueuedHead | undefined> {
    const state = waitingState(life);
    const message = state && (await intact(headOf(id, life)));
    if (!state || !message) return undefined;
    const { attempts, lastEndedAt } = life;
    return { message, state, attempts, ...(lastEndedAt !== undefined && { lastEndedAt }) };
  }

  async function heads(): Promise<QueuedHead[]> {
    const queued: QueuedHead[] = [];
    // The sender looks once a minute, and nearly always nothing waits.
    if (journal.waiting() === 0) return queued;
    for await (const row of rows.eachOrDamage(below('w/'), decodeWaiting)) {
      const id = isDamage(row) ? row.key.slice('w/'.length) : row.id;
      const head = await queuedHead(id, isDamage(row) ? await messages.life(id) : row.life);
      if (head) queued.push(head);
    }
    return queued;
  }

  const read = (id: MessageId): Promise<Message | undefined> => intact(messages.message(id));

  return {
    heads,
    read,

    beginAttempt: (id, startedAt) =>
      journal.write(async (draft) => {
        await mustHold(draft, id);
        const found = await lifeInDraft(draft, id);
        if (!waitingState(found.life)) throw new WaitsNoLonger(id, stateOf(found.life));
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

function decodeWaiting(row: Row): { id: MessageId; life: Life } | Damage {
  const life = decodeLife(row);
  return isDamage(life) ? life : { id: row.key.slice('w/'.length), life };
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

/** By the checksum: a document of 100 kB is not decoded to know that it is whole. */
async function mustHold(draft: Draft, id: MessageId): Promise<void> {
  if ((await draft.namedBy(messageKey(id))) !== undefined) return;
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
