import type { ClockMemory } from '../core/clock-memory.ts';
import type { FailureCode } from '../core/failure.ts';
import type { Channel, Commodity, Interval, PointCode } from '../core/interval.ts';
import type { Attempt, Message, MessageHead, MessageId, MessageState, Receipt } from '../core/message.ts';
import type { MeterHistory } from '../core/meter-history.ts';
import type { Quantity } from '../core/quantity.ts';
import type { DeviceId, Reading, ReadingSource } from '../core/reading.ts';
import type { MarketDay, Millis, Span, UtcMs } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Clock } from '../machine/clock.ts';
import type { StoreSnapshot } from '../machine/store.ts';
import type { Identity } from './identity.ts';
import type { Outbox } from './outbox.ts';
import type { Delivery, Expected, Ledger, Restored, Scrubbed, ScrubPosition, Verification } from './reports.ts';

/**
 * One journal each; its entries are numbered from 1 without holes. `readings` are those that the meters stored, `samples` what
 * registers showed when asked: many more, and the first to go when room is needed.
 */
export const STREAMS = ['readings', 'samples', 'intervals', 'delivery', 'audit'] as const;
export type Stream = (typeof STREAMS)[number];

/** A stored record that is not what was written. Its value is never given out. */
export interface Damage {
  readonly key: string;
  readonly detail: string;
  /** Of an interval: what the message that carries it says of it, which is all that is left. */
  readonly told?: string;
  /** Found before: its bytes, if any, stand under `q/`, and it is not told again. */
  readonly quarantined?: true;
}

/** What a scrub found: damaged, or named by a journal entry and gone. */
export interface Suspect extends Damage {
  /** The entry that names what is gone, or is not what it names. */
  readonly namedBy?: string;
  /** The checksum by which it is named, where the record is whole and has another. */
  readonly namedAs?: string;
}

/** Which entries of a journal may be given up. */
export interface TrimRule {
  /** Records of this instant or later stay. */
  readonly olderThan: UtcMs;
  readonly now: UtcMs;
  readonly entriesMax: number;
  /** Entries after this one stay: a stage has not seen them. */
  readonly upTo?: number;
}

export interface Trimmed {
  readonly entries: number;
  readonly records: number;
}

/**
 * How far a ledger looks for what is gone. `whole`: the journal is read from the oldest interval asked for on, so that a version
 * that no message carries yet is missed too. `records`: it is read only where an interval has no record at all, for the stages
 * that ask at every turn; what is gone is found by the scrubber there.
 */
export type LedgerLook = 'whole' | 'records';

export interface BufferOptions {
  readonly clock: Pick<Clock, 'now'>;
  /** A second copy, in a file of its own, of what must never be forgotten: ids, messages, answers, last numbers. */
  readonly vital?: AppendLog;
  readonly identity?: Identity | undefined;
  /** Message ids left unused from now on, for a store that may have been restored from an old copy. */
  readonly idRoom?: number;
  /** The site's number among those of its sender, 0 to 99,999; its message ids end with it. */
  readonly siteNumber?: number | undefined;
  /** Told of every damaged record that a read came upon, of the same damage once; the read goes on with the others. */
  readonly onDamage?: (damage: Damage) => void;
  /** Told of readings that contradict what the same meter said before about the same instant. */
  readonly onConflict?: (conflict: Conflict) => void;
}

/** A value of an answer that could not be used, and why. */
export interface Refusal {
  readonly device: DeviceId;
  readonly at: UtcMs;
  readonly code: FailureCode;
}

/** Two different values for one device, quantity, source and instant; both are kept. */
export interface Conflict {
  readonly kept: Reading;
  readonly contradicts: Reading;
}

export interface KeptRound {
  readonly written: number;
  /** Already there with the same value. */
  readonly known: number;
  readonly conflicts: readonly Conflict[];
}

export interface ReadingRef {
  readonly device: DeviceId;
  readonly quantity: Quantity;
  readonly at: UtcMs;
  readonly source: ReadingSource;
}

export interface IntervalRef {
  readonly point: PointCode;
  readonly channel: Channel;
  readonly start: UtcMs;
  readonly version: number;
}

export interface DeliveryRef {
  readonly message: MessageId;
  readonly what: 'queued' | 'began' | 'ended' | 'receipt' | 'superseded';
}

/** What a person did, as text that only its writer reads, and the hash that chains it to the entry before. */
export interface AuditEntry {
  /** From 1 without holes. */
  readonly number: number;
  readonly text: string;
  readonly hash: string;
}

export interface AuditRef {
  readonly number: number;
}

export interface ChangeItems {
  readings: ReadingRef;
  samples: ReadingRef;
  intervals: IntervalRef;
  delivery: DeliveryRef;
  audit: AuditRef;
}

/** One journal entry. */
export interface Change<S extends Stream> {
  readonly sequence: number;
  readonly items: readonly ChangeItems[S][];
  /** The entry is damaged or gone: something changed here that the journal cannot name. */
  readonly lost: boolean;
}

/**
 * The only memory between the stages. Everything that resolves is on the disk; reads never give a damaged record.
 * Rejects with OdecetError store-full, store-io or store-damaged; after a rejected write nothing may be assumed,
 * and the same call may be made again.
 */
export interface Buffer {
  readonly outbox: Outbox;
  /** By how much the journals were behind the second copy when the buffer was opened. */
  readonly behind: Readonly<Partial<Record<Stream, number>>>;
  /** What the second copy should have known when the buffer was opened and did not, in words. */
  readonly copyDoubt?: string;
  /** Nothing of an earlier store was there, and the second copy is doubtful. */
  readonly begunAnew: boolean;
  /** What earlier runs found damaged or gone, and were cut off before they could mend it. */
  readonly unmended: readonly Damage[];
  readonly identity: Identity | undefined;
  /** Idempotent. A value that contradicts an earlier one of the same instant is kept beside it and reported. */
  keepRound(readings: readonly Reading[]): Promise<KeptRound>;
  /** In the same breath as the round that they came with, they share its batch. */
  keepRefusals(refusals: readonly Refusal[]): Promise<void>;
  /** The same for what was seen of the device's clock; what was kept of it before is replaced. */
  keepClock(device: DeviceId, memory: ClockMemory): Promise<void>;
  clockMemory(device: DeviceId): Promise<ClockMemory | undefined>;
  /** The same for which meters stood in the device's place. */
  keepMeters(device: DeviceId, history: MeterHistory): Promise<void>;
  meterHistory(device: DeviceId): Promise<MeterHistory | undefined>;
  /** What could not be used of a device's answers in a span, to the quarter of an hour; the quarter at its end included. */
  refusals(device: DeviceId, span: Span): Promise<readonly FailureCode[]>;
  /** By rising time, conflicts left out. */
  readings(
    device: DeviceId,
    quantity: Quantity,
    span: Span,
    limit?: number,
    source?: ReadingSource,
  ): Promise<Reading[]>;
  /** @param reachMs looks no further back; without it as far as there are readings */
  readingAtOrBefore(
    device: DeviceId,
    quantity: Quantity,
    at: UtcMs,
    source?: ReadingSource,
    reachMs?: Millis,
  ): Promise<Reading | undefined>;
  readingAtOrAfter(
    device: DeviceId,
    quantity: Quantity,
    at: UtcMs,
    source?: ReadingSource,
    reachMs?: Millis,
  ): Promise<Reading | undefined>;
  /** What `readings` and `conflicts` give, of one look at the records. */
  readingsWithConflicts(
    device: DeviceId,
    quantity: Quantity,
    span: Span,
  ): Promise<{ readonly served: readonly Reading[]; readonly conflicts: readonly Reading[] }>;
  /** The readings of the span that contradict what is served for their instant. */
  conflicts(device: DeviceId, quantity: Quantity, span: Span): Promise<Reading[]>;

  /**
   * Append-only: the same content again (whenever made) is no write, other content under a version that exists is refused.
   * Where the stored version is damaged the interval is kept under the next free one. Gives the intervals as they stand.
   */
  keepIntervals(intervals: readonly Interval[]): Promise<Interval[]>;
  /** The latest version of each, by rising start. One whose latest version is damaged is left out. */
  intervals(point: PointCode, channel: Channel, span: Span): Promise<Interval[]>;
  intervalVersions(point: PointCode, channel: Channel, start: UtcMs): Promise<Interval[]>;

  /**
   * Keeps intervals that a person decided on together with the entry of the audit log, in one batch. `make` is given the
   * last entry (undefined: there is none; its hash is empty where it is damaged) and the intervals as they will stand.
   */
  keepAudited(
    intervals: readonly Interval[],
    make: (last: AuditEntry | undefined, kept: readonly Interval[]) => Pick<AuditEntry, 'text' | 'hash'>,
  ): Promise<{ readonly entry: AuditEntry; readonly kept: readonly Interval[] }>;
  /** The audit log by rising number; a damaged entry is there with empty text and hash. */
  auditLog(): Promise<AuditEntry[]>;
  /**
   * Takes `count` never-used rising ids and stores what `make` gives for them, with the links to the intervals carried,
   * in one batch. Rejects `already-queued` when a carried version is in another message that may have been taken,
   * unless that message is superseded by this call.
   */
  queueMessages(
    count: number,
    make: (ids: readonly MessageId[]) => readonly Message[],
    supersedes?: readonly MessageId[],
  ): Promise<Message[]>;
  queueMessage(make: (id: MessageId) => Message, supersedes?: readonly MessageId[]): Promise<Message>;
  /** Rejects `store-damaged` when it is there but cannot be trusted. */
  message(id: MessageId): Promise<Message | undefined>;
  /** The same without the document, which is read only where nobody has asked for it yet. */
  messageHead(id: MessageId): Promise<MessageHead | undefined>;
  messageState(id: MessageId): Promise<MessageState | undefined>;
  /** The attempts that have ended, by number. */
  attempts(id: MessageId): Promise<Attempt[]>;
  /** What the message's state comes from: the latest accepting receipt, else the latest rejecting one, else the latest. */
  receipt(id: MessageId): Promise<Receipt | undefined>;
  messagesOf(commodity: Commodity, day: MarketDay): Promise<MessageId[]>;
  deliveryOf(point: PointCode, channel: Channel, start: UtcMs): Promise<Delivery[]>;
  /** Journal entries after a sequence number, by rising number, holes named. */
  changes<S extends Stream>(stream: S, afterSequence: number, limit: number): Promise<Change<S>[]>;
  /** Where a following stage stands; 0 when it never said. */
  cursor(name: string): Promise<number>;
  setCursor(name: string, sequence: number): Promise<void>;
  /**
   * The same for a stage whose work can be done again: written with the next batch, whatever that is for, so that following
   * costs no batch of its own. A crash before it takes the stage back by what it did since.
   */
  advanceCursor(name: string, sequence: number): void;
  /** Woken after each batch with the streams it wrote. Gives the function that ends it. */
  onChange(listener: (streams: ReadonlySet<Stream>) => void): () => void;

  /** Gives up the oldest entries of a stream and what they name; what must stay is named again by a new entry. */
  trim(stream: Exclude<Stream, 'audit'>, rule: TrimRule): Promise<Trimmed>;
  /** Gives back the room of what was trimmed, which the store keeps until it rewrites its files: seconds of work for a day. */
  giveBack(stream: Exclude<Stream, 'audit'>, olderThan: UtcMs): Promise<void>;
  /** Which intervals of a span were accepted and given up for their age; what stands here again of them is new. */
  givenUp(point: PointCode, channel: Channel, span: Span): Promise<readonly Span[]>;
  /** Looks at about so many records: checksums, holes, what the journal names. */
  scrub(from: ScrubPosition | undefined, limit: number): Promise<Scrubbed>;
  /** A scrub of the youngest entries: what a damaged LevelDB log takes with it. */
  scrubEnds(entries: number): Promise<readonly Suspect[]>;
  /** Moves aside what is damaged at a second look, marks what is gone, and names again what a lost journal entry named; gives what was so. */
  quarantine(suspects: readonly Suspect[]): Promise<Damage[]>;
  /** What was found, by this run or earlier ones, is mended as far as it can be: nobody need go on with it after a crash. */
  mended(): Promise<void>;
  /** How often a damaged record was met since it was opened: what is remembered of the store may hold no longer. */
  damages(): number;
  /** Puts back what the second copy knows of messages and the store does not; no number is given out twice afterwards. */
  restoreVital(): Promise<Restored>;
  /** Writes the second copy anew without the messages that are final and older than `keepAfter`; what is written meanwhile is in it. */
  compactVital(keepAfter: UtcMs): Promise<void>;
  /** Tells the second copy the last numbers of all journals, as at a clean end, so that an end that is lost is missed. */
  tellHeads(): Promise<void>;
  /** Names the readings of a device again, so that what is computed of them is computed anew. Gives the number of rows. */
  nameReadingsAgain(device: DeviceId, span: Span): Promise<number>;
  /** How many entries a journal has. */
  entries(stream: Stream): number;
  /** Bytes of the store and of the second copy on the disk, and bytes written since the start. */
  size(): Promise<{ readonly store: number; readonly vital: number; readonly written: number }>;
  /** Every row as it stands now, for a backup. */
  snapshot(): Promise<StoreSnapshot>;
  ledger(expected: readonly Expected[], look?: LedgerLook): Promise<Ledger>;
  /** Walks everything: holes, checksums, journal against records both ways. */
  verify(): Promise<Verification>;
}
