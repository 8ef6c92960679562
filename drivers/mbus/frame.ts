import { type Failure, type FailureCode, failure } from '../../src/core/failure.ts';
import { hexByte } from './hex.ts';

/**
 * The link layer of EN 13757-2 (frame format FT 1.2 of IEC 60870-5-1):
 *   E5                                     single character: acknowledged
 *   10 C A checksum 16                     short frame
 *   68 L L 68 C A CI data.. checksum 16    long frame; without data it is called a control frame
 * L counts C, A, CI and the data; the checksum is the sum of the same bytes modulo 256.
 */
export type Frame =
  | { readonly kind: 'ack' }
  | { readonly kind: 'short'; readonly control: number; readonly address: number }
  | {
      readonly kind: 'long';
      readonly control: number;
      readonly address: number;
      readonly ci: number;
      /** What stands between CI and checksum. A view of the bytes given, not a copy. */
      readonly data: Uint8Array;
    };

export type ParsedFrame =
  | { readonly state: 'complete'; readonly frame: Frame }
  /** Good so far; at least this many bytes are still to come. */
  | { readonly state: 'more'; readonly missing: number }
  | { readonly state: 'broken'; readonly failure: Failure };

const ACK = 0xe5;
const START_SHORT = 0x10;
const START_LONG = 0x68;
const STOP = 0x16;
const SHORT_LENGTH = 5;
/** 68 L L 68 before what L counts; checksum and 16 after it. */
const LONG_HEAD = 4;
const LONG_TAIL = 2;
/** C, A and CI are always there. */
const LENGTH_MIN = 3;

export const CONTROL = {
  /** Resets the link; the slave forgets the frame count bit and, of several telegrams, starts with the first. */
  sndNke: 0x40,
  /**
   * User data from the master, answered by E5; the frame count bit is valid in it. IEC 60870-5-2: the first such frame after a
   * link reset has it set, and with it clear a strict meter takes the frame for a repetition, acknowledges and does not obey.
   * Every command here is the first after SND_NKE or after a selection, which clears that memory too (EN 13757-3, clause 11).
   */
  sndUd: 0x73,
  reqUd2: 0x5b,
  rspUd: 0x08,
} as const;
const FRAME_COUNT_BIT = 0x20;
/** In a slave's C field: access demand and data flow control, which do not change what the frame is. */
const SLAVE_STATE_BITS = 0x30;

/** The meter or meters that were selected by their secondary address. */
export const ADDRESS_SELECTED = 253;
/** Point to point: the one slave answers whatever its address. */
export const ADDRESS_TEST = 254;
export const ADDRESS_PRIMARY_MAX = 250;

/** Judges all bytes received since the request; call again with more bytes after `more`. Never throws. */
export function parseFrame(bytes: Uint8Array): ParsedFrame {
  switch (bytes[0]) {
    case undefined:
      return { state: 'more', missing: 1 };
    case ACK:
      return bytes.length === 1 ? { state: 'complete', frame: { kind: 'ack' } } : trailing(bytes, 1);
    case START_SHORT:
      return parseShort(bytes);
    case START_LONG:
      return parseLong(bytes);
    default:
      return broken('frame-start', `an M-Bus frame begins with e5, 10 or 68, this one with ${hexByte(bytes[0])}`);
  }
}

function parseShort(bytes: Uint8Array): ParsedFrame {
  if (bytes.length < SHORT_LENGTH) return { state: 'more', missing: SHORT_LENGTH - bytes.length };
  const [, control = 0, address = 0] = bytes;
  return closing(bytes, 1, SHORT_LENGTH) ?? { state: 'complete', frame: { kind: 'short', control, address } };
}

function parseLong(bytes: Uint8Array): ParsedFrame {
  const [, length, lengthAgain, startAgain] = bytes;
  if (length !== undefined && length < LENGTH_MIN) {
    return broken('frame-length', `the length is ${length}, less than C, A and CI take`);
  }
  if (lengthAgain !== undefined && length !== lengthAgain) {
    return broken('frame-length', `the length is written twice, once ${length} and once ${lengthAgain}`);
  }
  if (startAgain !== undefined && startAgain !== START_LONG) {
    return broken('frame-start', `the second start byte is ${hexByte(startAgain)} and not 68`);
  }
  const whole = LONG_HEAD + (length ?? LENGTH_MIN) + LONG_TAIL;
  if (bytes.length < whole) return { state: 'more', missing: whole - bytes.length };
  const fault = closing(bytes, LONG_HEAD, whole);
  if (fault) return fault;
  const data = bytes.subarray(LONG_HEAD + LENGTH_MIN, whole - LONG_TAIL);
  return {
    state: 'complete',
    frame: { kind: 'long', control: bytes[4]!, address: bytes[5]!, ci: bytes[6]!, data },
  };
}

/** Checksum, stop byte and nothing after: the faults of a frame that is `whole` bytes long. */
function closing(bytes: Uint8Array, from: number, whole: number): ParsedFrame | undefined {
  const expected = checksum(bytes, from, whole - LONG_TAIL);
  const found = bytes[whole - 2]!;
  if (found !== expected) {
    return broken('frame-checksum', `the checksum is ${hexByte(found)}, the bytes give ${hexByte(expected)}`);
  }
  const stop = bytes[whole - 1]!;
  if (stop !== STOP) return broken('frame-length', `where the length says 16 must stand, there is ${hexByte(stop)}`);
  return bytes.length > whole ? trailing(bytes, whole) : undefined;
}

function checksum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += bytes[at]!;
  return sum & 0xff;
}

function trailing(bytes: Uint8Array, whole: number): ParsedFrame {
  const extra = bytes.length - whole;
  return broken(
    'frame-trailing',
    `${extra} byte(s) follow a whole frame of ${whole}; two devices or two answers at once`,
  );
}

function broken(code: FailureCode, detail: string): ParsedFrame {
  return { state: 'broken', failure: failure(code, detail) };
}

/** What a control field asks or tells (EN 13757-2, table 1), without frame count, access demand and flow control bits. */
const CONTROL_NAMES: Readonly<Record<number, string>> = {
  64: 'SND_NKE, a request of the master',
  67: 'SND_UD, data from the master',
  73: 'REQ_SKE, a request of the master',
  74: 'REQ_UD1, a request of the master',
  75: 'REQ_UD2, a request of the master',
  0: 'ACK',
  1: 'NACK',
  11: 'RSP_SKE, the status of the link',
};

/** What a frame is where it is no answer with user data (RSP_UD); undefined when it is one. */
export function controlFault(frame: Frame): Failure | undefined {
  if (frame.kind === 'ack') return failure('wrong-function', 'an acknowledgement (e5) carries no data');
  if (frame.kind === 'long' && (frame.control & ~SLAVE_STATE_BITS) === CONTROL.rspUd) return undefined;
  const name = CONTROL_NAMES[frame.control & ~SLAVE_STATE_BITS] ?? 'not in the standard';
  const what = `a ${frame.kind} frame with control field ${hexByte(frame.control)} (${name})`;
  return failure('wrong-function', `${what} is no answer with data (RSP_UD, 08)`);
}

/** What is wrong with a frame as the answer with user data (RSP_UD) of the device at `address`; undefined when nothing. */
export function answerFault(frame: Frame, address: number): Failure | undefined {
  const fault = controlFault(frame);
  if (fault || frame.kind !== 'long') return fault;
  // A selected meter answers with 253 or with its own address; which meter it is, its header must say.
  if (frame.address !== address && address !== ADDRESS_TEST && address !== ADDRESS_SELECTED) {
    return failure('wrong-address', `address ${address} was asked and ${frame.address} answered`);
  }
  return undefined;
}

/** Link reset, answered by E5. */
export function sndNke(address: number): Uint8Array {
  return shortFrame(CONTROL.sndNke, address);
}

/** Request for class 2 data. The first after SND_NKE has the frame count bit set; it then changes for each new telegram. */
export function reqUd2(address: number, frameCountBit: boolean): Uint8Array {
  return shortFrame(CONTROL.reqUd2 | (frameCountBit ? FRAME_COUNT_BIT : 0), address);
}

/** User data to the meter: a command by its CI field, answered by E5. */
export function sndUd(address: number, ci: number, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return longFrame(CONTROL.sndUd, address, ci, data);
}

function shortFrame(control: number, address: number): Uint8Array {
  return Uint8Array.of(START_SHORT, control, address, (control + address) & 0xff, STOP);
}

/** A long frame (control frame when `data` is empty). Throws RangeError above 252 bytes of data. */
export function longFrame(control: number, address: number, ci: number, data: Uint8Array): Uint8Array {
  const length = LENGTH_MIN + data.length;
  if (length > 255) throw new RangeError(`${data.length} bytes do not fit one M-Bus frame (at most 252)`);
  const frame = new Uint8Array(LONG_HEAD + length + LONG_TAIL);
  frame.set([START_LONG, length, length, START_LONG, control, address, ci]);
  frame.set(data, LONG_HEAD + LENGTH_MIN);
  frame[frame.length - 2] = checksum(frame, LONG_HEAD, LONG_HEAD + length);
  frame[frame.length - 1] = STOP;
  return frame;
}
