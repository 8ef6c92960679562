import type { Buffer } from '../../buffer/index.ts';
import { eventKey, intervalKey, messageKey, readingKey } from '../../buffer/keys.ts';
import type { Reading } from '../../core/reading.ts';

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
): Buffer {
  /** Beside the caller's own promise, which is handed on as it is: the run must not go another way for being watched. */
  function watched<T>(call: Promise<T>, keysOf: (result: T) => readonly string[]): Promise<T> {
    const look = (result: T): void => {
      for (const key of keysOf(result)) if (!holds(key)) onFault(`called written, and not on the disk: ${key}`);
    };
    call.then(look, () => undefined);
    return call;
  }
  const { outbox } = buffer;
  return {
    ...buffer,
    outbox: {
      ...outbox,
      beginAttempt: (id, startedAt) =>
        watched(outbox.beginAttempt(id, startedAt), (attempt) => [eventKey(id, attempt, 'began')]),
      endAttempt: (attempt, receipt) =>
        watched(outbox.endAttempt(attempt, receipt), () => [eventKey(attempt.message, attempt.number, 'ended')]),
    },
    keepRound: (readings) => watched(buffer.keepRound(readings), () => rowsOf(readings)),
    keepIntervals: (intervals) => watched(buffer.keepIntervals(intervals), (kept) => kept.map(intervalKey)),
    queueMessages: (count, make, supersedes) =>
      watched(buffer.queueMessages(count, make, supersedes), (messages) => messages.map(({ id }) => messageKey(id))),
    queueMessage: (make, supersedes) => watched(buffer.queueMessage(make, supersedes), ({ id }) => [messageKey(id)]),
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
