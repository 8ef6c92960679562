import { type Failure, failure } from '../../src/core/failure.ts';
import { hexText, isBits, type RegisterRange, rangeText, type Table } from './registers.ts';

/**
 * The protocol data unit: function code and data, the same under every framing
 * (MODBUS Application Protocol Specification V1.1b3). Functions 1 to 4 read; 6 and 16 write, and only an archive's selector.
 */

export const READ_FUNCTION: Record<Table, 1 | 2 | 3 | 4> = { coil: 1, discrete: 2, holding: 3, input: 4 };

/**
 * One request. `select` writes the number of an archive record into the one register that a device file names for it;
 * nothing else in this program makes such a request.
 */
export type Ask =
  | { readonly kind: 'read'; readonly range: RegisterRange }
  | { readonly kind: 'select'; readonly address: number; readonly record: number; readonly code: 6 | 16 };

/** Set in the function code of an answer that refuses (V1.1b3 clause 7). */
const EXCEPTION_BIT = 0x80;

/** V1.1b3 clause 7, table of exception codes. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  1: 'illegal function',
  2: 'illegal data address',
  3: 'illegal data value',
  4: 'server device failure',
  5: 'acknowledge: still working on it',
  6: 'server device busy',
  8: 'memory parity error',
  10: 'gateway path unavailable',
  11: 'gateway target device failed to respond',
};
/** Acknowledge and busy are not refusals: the same request may be answered later. */
const BUSY_CODES: readonly number[] = [5, 6];

export type PduJudged =
  | { readonly kind: 'answer'; readonly data: Uint8Array }
  | { readonly kind: 'broken'; readonly failure: Failure };

export function requestPdu(ask: Ask): Uint8Array {
  if (ask.kind === 'read') return words(READ_FUNCTION[ask.range.table], ask.range.address, ask.range.count);
  if (ask.code === 6) return words(6, ask.address, ask.record);
  // Quantity 1, byte count 2, the value (V1.1b3 clause 6.12).
  return Uint8Array.of(...words(16, ask.address, 1), 2, ask.record >> 8, ask.record & 0xff);
}

function words(code: number, first: number, second: number): Uint8Array {
  return Uint8Array.of(code, first >> 8, first & 0xff, second >> 8, second & 0xff);
}

/** `holding 0x8900 := 12`, for failures. */
export function askText(ask: Ask): string {
  if (ask.kind === 'read') return rangeText(ask.range);
  return `${rangeText({ table: 'holding', address: ask.address, count: 1 })} := ${ask.record}`;
}

/**
 * How long an answer's PDU is by its own function code and byte count.
 * `more`: the byte count has not come yet. `unknown`: no function whose answers can be delimited.
 */
export function answerPduLength(pdu: Uint8Array): number | 'more' | 'unknown' {
  const code = pdu[0];
  if (code === undefined) return 'more';
  if (code & EXCEPTION_BIT) return 2;
  // Reads carry a byte count, writes (5, 6, 15, 16) echo address and quantity.
  if (code >= 1 && code <= 4) return pdu[1] === undefined ? 'more' : 2 + pdu[1];
  return [5, 6, 15, 16].includes(code) ? 5 : 'unknown';
}

/**
 * The byte count of an answer that cannot belong to this request, seen as soon as it has come. A good answer can no longer
 * follow, so there is nothing to wait for.
 */
export function byteCountFault(pdu: Uint8Array, ask: Ask): Failure | undefined {
  if (ask.kind !== 'read') return undefined;
  const { table, count } = ask.range;
  const expected = isBits(table) ? Math.ceil(count / 8) : 2 * count;
  if (pdu[0] !== READ_FUNCTION[table] || pdu[1] === undefined || pdu[1] === expected) return undefined;
  const what = isBits(table) ? 'bits' : 'registers';
  return failure('frame-length', `byte count ${pdu[1]}, expected ${expected} for ${count} ${what}`);
}

/** Judges a whole answer PDU against its request; `data` are two bytes for each register or bit, none after a write. */
export function judgeAnswerPdu(pdu: Uint8Array, ask: Ask): PduJudged {
  const code = pdu[0] ?? 0;
  const expected = ask.kind === 'read' ? READ_FUNCTION[ask.range.table] : ask.code;
  if ((code & ~EXCEPTION_BIT) !== expected) {
    return broken('wrong-function', `function ${code & ~EXCEPTION_BIT}, expected ${expected}`);
  }
  const length = answerPduLength(pdu);
  if (length !== pdu.length) return broken('frame-length', `PDU of ${pdu.length} bytes, by its own count ${length}`);
  if (code & EXCEPTION_BIT) return { kind: 'broken', failure: exceptionFailure(pdu[1] ?? 0) };
  if (ask.kind === 'select') return judgeEcho(pdu, ask);
  const fault = byteCountFault(pdu, ask);
  if (fault) return { kind: 'broken', failure: fault };
  const data = pdu.subarray(2);
  return { kind: 'answer', data: isBits(ask.range.table) ? bitWords(data, ask.range.count) : data };
}

/** A write is answered with what was written (clause 6.6) or with where and how much (6.12): the first five bytes either way. */
function judgeEcho(pdu: Uint8Array, ask: Ask): PduJudged {
  const [echo, asked] = [hexText(pdu), hexText(requestPdu(ask).subarray(0, 5))];
  if (echo !== asked) return broken('foreign-answer', `the write was echoed as ${echo}, expected ${asked}`);
  return { kind: 'answer', data: new Uint8Array() };
}

/** The first bit asked for is the lowest of the first byte (clause 6.1); bits that fill up the last byte mean nothing. */
function bitWords(data: Uint8Array, count: number): Uint8Array {
  return Uint8Array.from({ length: 2 * count }, (_, at) => {
    const bit = at >> 1;
    return at % 2 === 0 ? 0 : ((data[bit >> 3] ?? 0) >> (bit & 7)) & 1;
  });
}

/** `device-busy` for codes 5 and 6, else `device-exception`, with the standard's name of the code. */
export function exceptionFailure(code: number): Failure {
  const text = `exception ${code} (${EXCEPTIONS[code] ?? 'not in the standard'})`;
  return failure(BUSY_CODES.includes(code) ? 'device-busy' : 'device-exception', text);
}

function broken(code: Failure['code'], detail: string): PduJudged {
  return { kind: 'broken', failure: failure(code, detail) };
}
