import type { Attempt, Message, MessageId, Receipt } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';

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
