import type { Buffer } from '../../buffer/index.ts';
import { eventKey, intervalKey, messageKey, readingKey } from '../../buffer/keys.ts';
import type { MessageId } from '../../core/message.ts';
import type { Reading } from '../../core/reading.ts';

/** A buffer that is watched. */
export interface Watched {
  readonly buffer: Buffer;
  /** To be told when the first byte of a message leaves: a try of it stands on the disk by then, begun and not ended. */
  leaves(id: MessageId): void;
}

/**
 * The same buffer, held to its word: what it calls written stands on the disk at that very moment. A power cut shows a broken
 * word hardly ever: what the store forgets the second copy or the meters still know, so nothing is lost in the end.
 *
 * @param holds whether the disk has a record, as it would be after a power cut now
 */
export function heldToItsWord(
  buffer: Buffer,
  holds: (key: string) => boolean,
  onFault: (what: string) => void,
): Watched {
  /** Tries under way, as the sender has heard. */
  const begun = new Map<MessageId, number>();
  /** Beside the caller's own promise, which is handed on as it is: the run must not go another way for being watched. */
  function watched<T>(call: Promise<T>, keysOf: (result: T) => readonly string[]): Promise<T> {
    const look = (result: T): void => {
      for (const key of keysOf(result)) if (!holds(key)) onFault(`called written, and not on the disk: ${key}`);
    };
    call.then(look, () => undefined);
    return call;
  }
  const { outbox } = buffer;
  const watchedBuffer: Buffer = {
    ...buffer,
    outbox: {
      ...outbox,
      beginAttempt: (id, startedAt) =>
        watched(outbox.beginAttempt(id, startedAt), (attempt) => {
          begun.set(id, attempt);
          return [eventKey(id, attempt, 'began')];
        }),
      endAttempt: (attempt, receipt) =>
        watched(outbox.endAttempt(attempt, receipt), () => {
          begun.delete(attempt.message);
          return [eventKey(attempt.message, attempt.number, 'ended')];
        }),
    },
    keepRound: (readings) => watched(buffer.keepRound(readings), () => rowsOf(readings)),
    keepIntervals: (intervals) => watched(buffer.keepIntervals(intervals), (kept) => kept.map(intervalKey)),
    queueMessages: (count, make, supersedes) =>
      watched(buffer.queueMessages(count, make, supersedes), (messages) => messages.map(({ id }) => messageKey(id))),
    queueMessage: (make, supersedes) => watched(buffer.queueMessage(make, supersedes), ({ id }) => [messageKey(id)]),
  };
  return {
    buffer: watchedBuffer,
    leaves(id) {
      const attempt = begun.get(id);
      if (attempt === undefined || !holds(eventKey(id, attempt, 'began')))
        onFault(`message ${id} leaves, and the disk does not say that it was sent`);
    },
  };
}

/** The first row of each instant and source: a round's readings share one or two. */
function rowsOf(readings: readonly Reading[]): readonly string[] {
  const keys = new Set<string>();
  let last: Reading | undefined;
  for (const reading of readings) {
    const { device, at, source } = reading;
    if (last?.at !== at || last.source !== source || last.device !== device)
      keys.add(readingKey(device, at, source, 1));
    last = reading;
  }
  return [...keys];
}
