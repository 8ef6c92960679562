import { type Failure, failure } from '../../src/core/failure.ts';
import type { RegisterRange, Table } from './registers.ts';

/**
 * The protocol data unit: function code and data, the same under every framing
 * (MODBUS Application Protocol Specification V1.1b3). Functions 3 and 4 are asked.
 */

export const READ_FUNCTION: Record<Table, 3 | 4> = { holding: 3, input: 4 };

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

export function readRequestPdu(range: RegisterRange): Uint8Array {
  const pdu = new DataView(new ArrayBuffer(5));
  pdu.setUint8(0, READ_FUNCTION[range.table]);
  pdu.setUint16(1, range.address);
  pdu.setUint16(3, range.count);
  return new Uint8Array(pdu.buffer);
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
export function byteCountFault(pdu: Uint8Array, range: RegisterRange): Failure | undefined {
  if (pdu[0] !== READ_FUNCTION[range.table] || pdu[1] === undefined || pdu[1] === 2 * range.count) return undefined;
  return failure('frame-length', `byte count ${pdu[1]}, expected ${2 * range.count} for ${range.count} registers`);
}

/** Judges a whole answer PDU against its request; `data` are the registers' bytes. */
export function judgeAnswerPdu(pdu: Uint8Array, range: RegisterRange): PduJudged {
  const code = pdu[0] ?? 0;
  const expected = READ_FUNCTION[range.table];
  if ((code & ~EXCEPTION_BIT) !== expected) {
    return broken('wrong-function', `function ${code & ~EXCEPTION_BIT}, expected ${expected}`);
  }
  const length = answerPduLength(pdu);
  if (length !== pdu.length) return broken('frame-length', `PDU of ${pdu.length} bytes, by its own count ${length}`);
  if (code & EXCEPTION_BIT) return { kind: 'broken', failure: exceptionFailure(pdu[1] ?? 0) };
  const fault = byteCountFault(pdu, range);
  return fault ? { kind: 'broken', failure: fault } : { kind: 'answer', data: pdu.subarray(2) };
}

/** `device-busy` for codes 5 and 6, else `device-exception`, with the standard's name of the code. */
export function exceptionFailure(code: number): Failure {
  const text = `exception ${code} (${EXCEPTIONS[code] ?? 'not in the standard'})`;
  return failure(BUSY_CODES.includes(code) ? 'device-busy' : 'device-exception', text);
}

function broken(code: Failure['code'], detail: string): PduJudged {
  return { kind: 'broken', failure: failure(code, detail) };
}
