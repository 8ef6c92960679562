import type { BackoffRule } from '../core/backoff.ts';
import type { Millis } from '../core/time.ts';

export interface CollectSettings {
  /** Samples between the boundaries, by the wall. */
  readonly everyMs: Millis;
  /** After a boundary, by the wall: how long meters may take to freeze their values. */
  readonly settleMs: Millis;
  readonly backoff: BackoffRule;
  readonly clockOffMsMax: Millis;
  /** The longest wait without a look at the wall; a simulated year has none to spare for idle looks. */
  readonly waitMostMs?: Millis;
}
