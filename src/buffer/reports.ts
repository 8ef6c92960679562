import type { Channel, PointCode, Quality } from '../core/interval.ts';
import type { MessageId, MessageState } from '../core/message.ts';
import type { Span, UtcMs } from '../core/time.ts';
import type { Damage, Stream, Suspect } from './api.ts';

/** A message that carried an interval. */
export interface Delivery {
  readonly message: MessageId;
  readonly version: number;
  readonly state: MessageState;
  /** The operator accepted it, also when it was superseded later. */
  readonly accepted: boolean;
  /** What the message says of the interval: value, unit and quality. */
  readonly told?: string;
}

export interface Expected {
  readonly point: PointCode;
  readonly channel: Channel;
  readonly spans: readonly Span[];
}

/**
 * accepted  the latest version is in an accepted message
 * pending   the latest version waits: for a message, or its message for an answer
 * rejected  the latest version was only in rejected messages
 * missing   no interval was made, or nothing credible is known and nobody was told
 * lost      the records show that it, or a newer version of it, existed, but it cannot be read
 * given-up  it was accepted, and was given up for its age with the messages that told it
 */
export type LedgerState = 'accepted' | 'pending' | 'rejected' | 'missing' | 'lost' | 'given-up';

export interface LedgerRow extends Span {
  readonly point: PointCode;
  readonly channel: Channel;
  readonly state: LedgerState;
  /** More than one accepted message stands for it, in one version or in several: none of them replaces the other. */
  readonly doubled: boolean;
  /** The newest version that can be read. */
  readonly version?: number;
  readonly quality?: Quality;
  readonly deliveries: readonly Delivery[];
  /** Of one that was given up: when, at the latest. */
  readonly givenUpAt?: UtcMs;
}

/** expected = accepted + pending + rejected + missing + lost + givenUp; doubled counts beside them. */
export type LedgerCounts = { readonly expected: number; readonly doubled: number; readonly givenUp: number } & Readonly<
  Record<Exclude<LedgerState, 'given-up'>, number>
>;

export interface Ledger {
  readonly counts: LedgerCounts;
  readonly rows: readonly LedgerRow[];
}

/** What was put back from the second copy. */
export interface Restored {
  readonly messages: number;
  readonly records: number;
}

export interface Verification {
  readonly clean: boolean;
  readonly records: number;
  readonly entries: number;
  /** Rows whose bytes do not fit their checksum, key or format. */
  readonly damaged: readonly Damage[];
  /** Numbers missing in a journal. */
  readonly holes: readonly { readonly stream: Stream; readonly sequence: number }[];
  /** Records that the journal names and that are gone. */
  readonly lost: readonly string[];
  /** Rows that no journal entry names, or names with another checksum. */
  readonly stray: readonly string[];
  /** Messages whose place in the outbox contradicts their records. */
  readonly misplaced: readonly MessageId[];
  /** Losses that were found earlier and marked. */
  readonly quarantined: readonly string[];
  /** The walk could not be finished because the store refused to read. */
  readonly unreadable: readonly string[];
}

/** Where a scrub goes on; undefined is the beginning. */
export type ScrubPosition = { readonly stream: Stream; readonly after: number } | { readonly afterKey: string };

export interface Scrubbed {
  /** Undefined when the round is complete. */
  readonly next: ScrubPosition | undefined;
  readonly checked: number;
  readonly suspects: readonly Suspect[];
}
