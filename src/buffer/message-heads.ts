import type { MessageHead, MessageId } from '../core/message.ts';
import type { Life } from './life.ts';
import type { MessageReader } from './messages.ts';

/** Two hundred bytes each: more than wait after a year without the operator. */
const HEADS_MAX = 10_000;

/**
 * What messages are about. A message never changes, so its document is read once at most, and not at all where the outbox says what it is about.
 * @param life as the outbox has it
 * @returns undefined where there is none; rejects `store-damaged` where the document has to be read and cannot be
 */
export type ReadHead = (id: MessageId, life?: Life) => Promise<MessageHead | undefined>;

export function messageHeads(messages: Pick<MessageReader, 'message'>): ReadHead {
  const known = new Map<MessageId, MessageHead>();

  function remember(head: MessageHead): MessageHead {
    known.set(head.id, head);
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size > HEADS_MAX) known.delete(oldest);
    return head;
  }

  return async (id, life) => {
    const found = known.get(id);
    if (found) return found;
    if (life?.about) return remember({ id, ...life.about });
    const message = await messages.message(id);
    if (!message) return undefined;
    const { commodity, day, pack } = message;
    return remember({ id, commodity, day, pack });
  };
}
