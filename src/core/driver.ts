import type { Decimal } from './decimal.ts';
import type { Failure } from './failure.ts';
import type { Quantity, Unit } from './quantity.ts';
import type { MeterFlag } from './reading.ts';
import type { Millis, UtcMs } from './time.ts';

/**
 * The contract of a field driver. A driver holds no port and no clock: bytes in, steps out. The collector owns the line,
 * the clock and the limits, so the same session runs over a serial port, TCP, a simulated line and a recording.
 */

export interface LineSetting {
  readonly baud: number;
  readonly dataBits: 7 | 8;
  readonly parity: 'none' | 'even' | 'odd';
  readonly stopBits: 1 | 2;
}

/**
 * send  put these bytes on the line, then expect an answer that begins within replyWithinMs. restMs: let the device rest so long
 *       before, where that is more than its device file's pause. isOptional: nobody need answer, so silence is no time-out
 * wait  the answer is not complete; more bytes must come within atMostMs. Also the answer to bytes that were left over.
 * line  change the line's setting, wait thenMs, and call start() of the next stage by received(empty)
 * read  the dialogue is over and succeeded
 * missed the dialogue is over and failed; nothing of it may be stored
 */
export type Step =
  | {
      readonly kind: 'send';
      readonly bytes: Uint8Array;
      readonly replyWithinMs: Millis;
      readonly restMs?: Millis;
      readonly isOptional?: true;
    }
  | { readonly kind: 'wait'; readonly atMostMs: Millis }
  | { readonly kind: 'line'; readonly setting: LineSetting; readonly thenMs: Millis }
  | { readonly kind: 'read'; readonly result: ReadResult }
  | { readonly kind: 'missed'; readonly failure: Failure };

/**
 * One dialogue with one device. Use: step = start(); while not over: do the step, then call received(bytes) with what came,
 * or silent() when the step's time passed without a byte. After `read` or `missed` the session is spent.
 *
 * A session checks unit, function, length, checksum and address of every answer, and treats bytes beyond the answer as a
 * failure (frame-trailing): it never guesses which of two answers is the right one.
 */
export interface Session {
  start(): Step;
  received(bytes: Uint8Array): Step;
  silent(): Step;
}

/**
 * Opens what a meter encrypted with AES-128 in cipher block chaining; made by the assembly, so that a driver holds no key.
 * @param iv 16 bytes @param data a whole number of 16-byte blocks; padding is left in place
 */
export type Decrypt = (iv: Uint8Array, data: Uint8Array) => Uint8Array;

/** One value as the meter sent it, in the unit its device file names. */
export interface MeterValue {
  readonly quantity: Quantity;
  readonly kind: 'counter' | 'instantaneous';
  readonly value: Decimal;
  readonly unit: Unit;
  /** Present when the meter froze the value itself: the instant it stands for, from the meter's own stamp. */
  readonly storedAt?: UtcMs;
  readonly flags: readonly MeterFlag[];
  /** Hex of the bytes behind it. */
  readonly raw: string;
}

export interface ReadResult {
  readonly values: readonly MeterValue[];
  /** What the meter says of itself; `serial` is compared with the site file where both have one. */
  readonly identity: { readonly serial?: string; readonly maker?: string; readonly version?: string };
  /** The meter's own clock, where it sends it. */
  readonly clock?: UtcMs;
  /** How coarsely it tells the time: it stands between `clock` and so much later. Exact where absent. */
  readonly clockStepMs?: Millis;
  /** Values that were there but could not be used (not available, not valid): told, not stored. */
  readonly unusable: readonly Failure[];
}

/**
 * current  all readings the device file names, incl. those the meter stored at the last full period
 *          unbroken: since this device's last good dialogue the line has been open all along and nobody spoke on it but this
 *          line's own sessions; a driver that keeps a link's state may go on from there. Missing means no.
 * archive  what the meter's archive holds of [from, to]: instants of stored boundaries, both ends included
 */
export type ReadRequest =
  | { readonly want: 'current'; readonly now: UtcMs; readonly unbroken?: boolean }
  | { readonly want: 'archive'; readonly now: UtcMs; readonly from: UtcMs; readonly to: UtcMs };

export interface FieldDriver<Device> {
  readonly protocol: string;
  /** True when late answers cannot be told from timely ones by the framing, so the line is reopened after a time-out. */
  readonly reopenAfterTimeout: (device: Device) => boolean;
  /** Asks for nothing yet. Throws RangeError when the device cannot do what is requested (an archive it does not have). */
  session(device: Device, request: ReadRequest): Session;
}
