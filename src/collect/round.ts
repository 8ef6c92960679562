import type { ReadResult } from '../core/driver.ts';
import type { Failure, FailureCode } from '../core/failure.ts';
import type { DeviceId, Reading } from '../core/reading.ts';
import type { Millis, UtcMs } from '../core/time.ts';

/** What one good dialogue with one device brought. The stages behind keep a round whole or not at all. */
export interface Round {
  readonly device: DeviceId;
  readonly readings: readonly Reading[];
  readonly identity?: ReadResult['identity'];
  /** Another meter than the one that is meant has answered, by its identity: nothing of it may be kept but that it was seen. */
  readonly isStranger?: true;
  /** The meter's clock minus the wall; positive when the meter is ahead. */
  readonly clockOffsetMs?: Millis;
  /** Values that were there but could not be used. */
  readonly unusable: readonly Failure[];
  readonly startedAt: UtcMs;
  readonly endedAt: UtcMs;
  /** How often the wall was set until then, since the collector started; not at all where it does not say. */
  readonly wallSteps?: number;
}

/** Where rounds go. Resolves when the round would survive a power cut; a round may come again after a failure. */
export interface Sink {
  keep(round: Round): Promise<void>;
}

/** For people. */
export interface DeviceStatus {
  readonly device: DeviceId;
  readonly line: string;
  readonly lastGoodAt?: UtcMs;
  readonly lastFailure?: Failure & { readonly at: UtcMs };
  /** Good readings of its present state since the start, and the others by what went wrong. */
  readonly reads: number;
  readonly failures: Readonly<Partial<Record<FailureCode, number>>>;
  /** 0 when the last dialogue was good. */
  readonly failuresInRow: number;
  readonly clockOffsetMs?: Millis;
  /** What a good dialogue held that could not be used, the last time there was any. */
  readonly lastUnusable?: Failure & { readonly at: UtcMs };
  /** As the meter told it last. */
  readonly serial?: string;
  /** Present while the device is backed off; by the wall clock of now. */
  readonly nextTryAt?: UtcMs;
}

export interface LineStatus {
  readonly line: string;
  readonly isOpen: boolean;
  readonly opens: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Bytes that nobody had asked for: late answers, noise. */
  readonly strayBytes: number;
  readonly dialogues: number;
  readonly errors: Readonly<Partial<Record<FailureCode, number>>>;
  /** Monotonic time in which a dialogue held the line, with the silence after it. */
  readonly busyMs: Millis;
  /** Since the collector started, whether the line was open or not: busyMs of it is the line's busy share. */
  readonly runningMs: Millis;
}

export interface CollectorStatus {
  readonly devices: readonly DeviceStatus[];
  readonly lines: readonly LineStatus[];
  /** Rounds in memory that the sink has not taken yet. */
  readonly roundsWaiting: number;
}
