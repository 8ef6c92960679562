import type { Message, MessageId } from '../../core/message.ts';
import type { Millis, MonotonicMs, UtcMs } from '../../core/time.ts';

/** So many messages may be under way to the relay at once without a word of it. */
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
  readonly hash: string;
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

/**
 * Which messages may go now, and how long to wait for the next. Of those that the relay does not have, those that were tried
 * least go first and only so many are under way at once: what the relay refuses, or never answers, keeps nothing else from it.
 */
export function dueOf(
  waiting: readonly Message[],
  passages: ReadonlyMap<MessageId, Passage>,
  now: MonotonicMs,
): { readonly now: Message[]; readonly inMs: Millis } {
  const all = waiting.map((message) => ({ message, ...(passages.get(message.id) ?? fresh(now)) }));
  const isDue = ({ until }: { until: MonotonicMs }) => until <= now;
  const unstored = all.filter(({ stored }) => !stored);
  const underWay = unstored.filter((one) => one.isUnderWay && !isDue(one)).length;
  const next = unstored
    .filter(isDue)
    .sort((a, b) => a.tries - b.tries)
    .slice(0, Math.max(0, UNSTORED_MAX - underWay));
  const asked = all.filter((one) => one.stored && isDue(one));
  const later = all.filter((one) => !isDue(one)).map(({ until }) => until - now);
  return { now: [...next, ...asked].map(({ message }) => message), inMs: Math.min(Number.POSITIVE_INFINITY, ...later) };
}

function fresh(now: MonotonicMs): Pick<Passage, 'stored' | 'isUnderWay' | 'tries' | 'until'> {
  return { stored: false, isUnderWay: false, tries: 0, until: now };
}
