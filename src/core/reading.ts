import type { Decimal } from './decimal.ts';
import type { Quantity, Unit } from './quantity.ts';
import type { Millis, UtcMs } from './time.ts';

export type DeviceId = string;

/** What the meter itself says about a value (its own status bits stay in `raw`), and one thing that we say. */
export type MeterFlag =
  | 'alarm' // the meter reports an error or a pending alarm
  | 'disturbed' // counted by substitute values while a sensor was disturbed
  | 'power-failed'
  | 'clock-set' // the meter's clock was changed in the interval
  | 'clock-invalid'
  | 'low-battery'
  | 'wall-stepped'; // ours: the gateway's clock was set since the sample before, so the time between the two is not known

/**
 * `sampled`: what the register showed while we asked; `at` is the middle of the exchange, `uncertaintyMs` half of it.
 * `stored`: the meter froze it by its own clock at `at` (last full hour, archive row); uncertainty 0.
 */
export type ReadingSource = 'sampled' | 'stored';

/** One index or instantaneous value of one device, kept for ever as it came. */
export interface Reading {
  readonly device: DeviceId;
  readonly quantity: Quantity;
  readonly kind: 'counter' | 'instantaneous';
  readonly value: Decimal;
  readonly unit: Unit;
  /** The instant the value stands for. */
  readonly at: UtcMs;
  readonly source: ReadingSource;
  readonly uncertaintyMs: Millis;
  /** When the gateway received it. */
  readonly readAt: UtcMs;
  readonly flags: readonly MeterFlag[];
  /** When the meter that told it was seen there first, where it took another's place; absent for the first of the place. */
  readonly meterSince?: UtcMs;
  /** The bytes behind the value, hex, as the wire had them. */
  readonly raw: string;
}
