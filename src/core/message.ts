import type { Channel, Commodity, PointCode } from './interval.ts';
import type { MarketDay, UtcMs } from './time.ts';

/** 14 digits, rising, never used twice (OTE's own samples carry 14 zero-padded digits). */
export type MessageId = string;

/** Which version of which interval a message carries: the second link of the proof. */
export interface Carried {
  readonly point: PointCode;
  readonly channel: Channel;
  readonly start: UtcMs;
  readonly version: number;
}

/** A market document, made once and kept verbatim. */
export interface Message {
  readonly id: MessageId;
  readonly commodity: Commodity;
  readonly day: MarketDay;
  /** `name@version` of the format pack that made it. */
  readonly pack: string;
  readonly madeAt: UtcMs;
  readonly xml: string;
  readonly carried: readonly Carried[];
  /** The earlier message this one corrects. */
  readonly corrects?: MessageId;
}

/** What a message is about, without the document, which may be large. */
export type MessageHead = Pick<Message, 'id' | 'commodity' | 'day' | 'pack'>;

/**
 * prepared -> sent -> accepted | rejected | unknown -> superseded
 * `sent` is written before the first byte leaves: after a crash it means "outcome unknown", and the same id goes again.
 */
export type MessageState = 'prepared' | 'sent' | 'accepted' | 'rejected' | 'unknown' | 'superseded';

/** How one try to deliver ended. Four different things that must not be mixed up, plus the answer. */
export type AttemptOutcome =
  | 'not-sent' // refused before a byte of the message left: safe to try again
  | 'no-answer' // left, but no answer came: outcome unknown, only the same id may go again
  | 'fault' // SOAP fault or HTTP error status: not taken
  | 'answered';

export interface Attempt {
  readonly message: MessageId;
  readonly number: number;
  readonly startedAt: UtcMs;
  readonly endedAt: UtcMs;
  readonly outcome: AttemptOutcome;
  readonly detail: string;
}

export type Verdict = 'accepted' | 'rejected' | 'unknown';

export interface Reason {
  readonly code: string;
  readonly type: string;
  readonly resultCode?: string;
  readonly blockId?: string;
  readonly text: string;
}

/**
 * The operator's answer, classified; the verbatim XML stays with it. Where an unknown answer says what the one before it said,
 * `xml` is empty and the reason names the attempt at which it was kept.
 */
export interface Receipt {
  readonly message: MessageId;
  readonly verdict: Verdict;
  readonly reasons: readonly Reason[];
  readonly receivedAt: UtcMs;
  readonly xml: string;
}
