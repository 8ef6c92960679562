import type { Failure, FailureCode } from '../core/failure.ts';
import type { MessageId, Reason } from '../core/message.ts';
import type { MarketDay, Millis, UtcMs } from '../core/time.ts';
import type { Stage } from '../uplink/relay/protocol.ts';

/** A message as the relay keeps it: the site's signed envelope, byte for byte, and what is needed to find it. */
export interface SiteMessage {
  /** The market participant in whose name it goes; with the id it is the message's name at the operator. */
  readonly sender: string;
  readonly id: MessageId;
  readonly site: string;
  readonly version: number;
  readonly hash: string;
  readonly day: MarketDay;
  readonly receivedAt: UtcMs;
  readonly envelope: Uint8Array;
}

export type MessageName = Pick<SiteMessage, 'sender' | 'id'>;

export type StandingStage = Exclude<Stage, 'refused'>;

/** How far a message is; receipts are made of it. */
export interface Standing {
  readonly stage: StandingStage;
  readonly reasons: readonly Reason[];
  /** The operator's answer, verbatim. */
  readonly answer?: string;
  /** Since when. */
  readonly at: UtcMs;
  readonly attempts: number;
}

/** `taken`: the same sender used the id for other content, or said another version of it; `damaged`: what is known of it cannot be read or mended. Nothing was kept. */
export type Kept =
  | { readonly kind: 'new' | 'known'; readonly standing: Standing }
  | { readonly kind: 'taken'; readonly bySite: string; readonly version: number }
  | { readonly kind: 'damaged'; readonly why: string };

export interface Claimed {
  readonly message: SiteMessage;
  /** From 1. */
  readonly attempt: number;
}

/**
 * What became of an attempt. `stored`: nothing left, so the standing stays what it was; `sent`: nothing certain. Both go again
 * after `dueInMs`; so does `unknown`.
 */
export interface Settled extends MessageName {
  readonly stage: StandingStage;
  readonly reasons: readonly Reason[];
  readonly answer?: string;
  readonly at: UtcMs;
  /** NEVER, or at most PUT_OFF_MS_MAX; more is taken as that. */
  readonly dueInMs: Millis;
}

/** Due at no time: the message waits for a person. */
export const NEVER = 8_640_000_000_000_000;

/** No lease and no pause is longer: what is due later than this was put off by a clock that was wrong. */
export const PUT_OFF_MS_MAX: Millis = 24 * 3_600_000;

/** A message that cannot be read any more. */
export interface DamagedMessage extends Pick<SiteMessage, 'sender' | 'id' | 'site'> {
  readonly why: string;
}

/** A row that could not be read: its bytes were set aside for a person to look at, and `rebuilt` says what stands in its place. */
export interface MendedRow {
  readonly key: string;
  readonly why: string;
  readonly rebuilt: string;
}

/**
 * What may go, by the time of its answer. First envelope and verbatim answer, by verdict; later the rest, which until then
 * keeps the same message from being sent again, should its site still ask for a receipt.
 */
export interface SheddingRule {
  readonly acceptedBefore: UtcMs;
  readonly rejectedBefore: UtcMs;
  readonly removedBefore: UtcMs;
}

export interface Shed {
  readonly bared: number;
  readonly removed: number;
  /** Everything was looked at. */
  readonly isDone: boolean;
}

export type StoreCounts = Readonly<Record<StandingStage, number>>;

const OF_ALL: ReadonlySet<FailureCode> = new Set(['database-away', 'database-wrong', 'store-full', 'store-io']);

/** Whether it hinders a store whatever it is given; else it may be about one of several that it was given at once. */
export function isOfAll({ code }: Failure): boolean {
  return OF_ALL.has(code);
}

/**
 * The relay's memory. What resolves is on the disk. Several relays may use one store at once, where it says so.
 * Rejects with OdecetError store-full, store-io, database-away, database-wrong or store-damaged, or unexpected where it does not take what it was
 * given; after that nothing may be assumed and all may be repeated.
 */
export interface RelayStore {
  /** Keeps what is new; one result for each message, in order. The same twice in one call is new and known. */
  keep(messages: readonly SiteMessage[]): Promise<Kept[]>;
  /**
   * Messages of a sender that are due, at most `limit`, nobody else's for `leaseMs`: the newest market day first, so that a
   * site that catches up with a month does not hold up what is fresh; within a day the sites take turns. Whoever dies holding
   * one gives it back by its lease. The store has a clock of its own for this, the same for all relays that use it. What cannot
   * be read is told and not given again until its site has sent it again or the store was opened again.
   */
  claim(
    sender: string,
    limit: number,
    leaseMs: Millis,
    onDamage?: (damage: DamagedMessage) => void,
  ): Promise<Claimed[]>;
  /** An accepted or rejected message stays so. */
  settle(results: readonly Settled[]): Promise<void>;
  /** What waits for a person (due NEVER), or was put off by a clock that was wrong, is due now: a relay has started. */
  release(): Promise<void>;
  /** Gives up one portion of what may go, about `limit` messages; what is not accepted or rejected stays in any case. */
  shed(rule: SheddingRule, limit: number): Promise<Shed>;
  standing(name: MessageName): Promise<Standing | undefined>;
  /** Whose message it is, as long as it is not forgotten. */
  siteOf(name: MessageName): Promise<string | undefined>;
  /**
   * Where several relays use one store: reserves so many slots of a sender, one every `everyMs`, which no other relay gets, and
   * tells how long it is until the first. Absent where there is one relay only.
   */
  slots?(sender: string, count: number, everyMs: number): Promise<Millis>;
  /** Where several relays use one store: its own clock, the same for all of them. */
  now?(): Promise<UtcMs>;
  /**
   * Where several relays use one store: leaves word that this life of a relay is there.
   * @returns the life that left word under this name before; undefined before the first
   */
  here?(name: string, life: string): Promise<string | undefined>;
  /** The time up to which relays ran, by which they give up what is old; undefined before the first. Never earlier than it was. */
  agedTo(): Promise<UtcMs | undefined>;
  ageTo(at: UtcMs): Promise<void>;
  counts(): Promise<StoreCounts>;
  /** When the message came that has waited longest for its answer, of each sender who has one. */
  oldest(): Promise<ReadonlyMap<string, UtcMs>>;
  /** Told of every row that was found unreadable and mended, also of those that were before anybody asked. */
  onMended(tell: (row: MendedRow) => void): void;
  /**
   * Told what cannot be read and is passed by, without names where they cannot be read either, whenever that changes; undefined
   * when all can. Absent where every row is mended or told by its name.
   */
  onUnread?(tell: (what: string | undefined) => void): void;
  /** Bytes on the disk, approximately. */
  size(): Promise<number>;
  close(): Promise<void>;
}
