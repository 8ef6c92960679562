import type { MessageHead } from '../../buffer/outbox.ts';
import type { MessageId } from '../../core/message.ts';
import type { Millis, MonotonicMs, UtcMs } from '../../core/time.ts';

/** So many messages may be under way to the relay at once without a word of it, and leave at once. */
const UNSTORED_MAX = 32;

/** An attempt that the outbox has on its books. */
export interface Begun {
  readonly number: number;
  readonly startedAt: UtcMs;
  /** Publications within it. */
  left: number;
}

/** A message on its way to the relay, for as long as this program runs. */
export interface Passage {
  /** Of the document; undefined before it was read. */
  hash?: string;
  /** From the first publication on. */
  begun?: Begun;
  /** The relay said that it has it. */
  stored: boolean;
  /** It left, and the relay has said nothing since: neither that it has it nor that it does not take it. */
  isUnderWay: boolean;
  /** Publications since the relay's last word on it, whatever that was. */
  unanswered: number;
  /** Publications since the relay first had it, or ever. */
  tries: number;
  until: MonotonicMs;
  /** When it left, where it left once only: what left twice may have been received at the first time. */
  leftOnceAt?: UtcMs;
}

export function newPassage(now: MonotonicMs): Passage {
  return { stored: false, isUnderWay: false, unanswered: 0, tries: 0, until: now };
}

/**
 * Which messages may go now, and how long to wait for the next. Of those that the relay does not have, those that were tried
 * least go first and only so many are under way at once: what the relay refuses, or never answers, keeps nothing else from it.
 */
export function dueOf(
  waiting: Iterable<MessageHead>,
  passages: ReadonlyMap<MessageId, Passage>,
  now: MonotonicMs,
): { readonly now: MessageHead[]; readonly inMs: Millis } {
  const unstored: { readonly message: MessageHead; readonly tries: number }[] = [];
  const asked: MessageHead[] = [];
  let underWay = 0;
  let inMs = Number.POSITIVE_INFINITY;
  for (const message of waiting) {
    const passage = passages.get(message.id);
    if (passage && passage.until > now) {
      inMs = Math.min(inMs, passage.until - now);
      if (!passage.stored && passage.isUnderWay) underWay += 1;
    } else if (passage?.stored) asked.push(message);
    else unstored.push({ message, tries: passage?.tries ?? 0 });
  }
  const next = unstored.sort((a, b) => a.tries - b.tries).slice(0, Math.max(0, UNSTORED_MAX - underWay));
  return { now: [...next.map(({ message }) => message), ...asked.slice(0, UNSTORED_MAX)], inMs };
}
