import { type Failure, failure } from '../../src/core/failure.ts';
import type { Exchange, Framing, Judged } from './framing.ts';
import { answerPduLength, byteCountFault, judgeAnswerPdu, readRequestPdu } from './pdu.ts';
import { hexText, type RegisterRange } from './registers.ts';

/**
 * RTU framing: address, PDU, CRC (MODBUS over Serial Line V1.02, clause 2.5.1). A frame is found by its own length, not by
 * silence: a TCP converter between us and the meter does not keep the pauses.
 */

/** CRC-16 with the reflected polynomial 0xA001 and start 0xFFFF; it goes on the wire low byte first. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  return crc;
}

const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1;
  return crc;
});

export function rtuFrame(unit: number, pdu: Uint8Array): Uint8Array {
  const frame = new Uint8Array(pdu.length + 3);
  frame[0] = unit;
  frame.set(pdu, 1);
  const crc = crc16(frame.subarray(0, -2));
  frame[frame.length - 2] = crc & 0xff;
  frame[frame.length - 1] = crc >>> 8;
  return frame;
}

export type RtuParsed =
  | { readonly kind: 'more' }
  | { readonly kind: 'frame'; readonly unit: number; readonly pdu: Uint8Array; readonly length: number }
  | { readonly kind: 'broken'; readonly failure: Failure };

/** The first answer frame in `bytes`, whoever it is from: `length` says where it ends. */
export function parseRtuAnswer(bytes: Uint8Array): RtuParsed {
  const pduLength = answerPduLength(bytes.subarray(1));
  if (pduLength === 'unknown') {
    return { kind: 'broken', failure: failure('wrong-function', `function ${bytes[1]}, of no answer to a read`) };
  }
  if (pduLength === 'more' || bytes.length < pduLength + 3) return { kind: 'more' };
  const length = pduLength + 3;
  const crc = crc16(bytes.subarray(0, length - 2));
  const sent = bytes[length - 2]! | (bytes[length - 1]! << 8);
  if (crc !== sent) {
    const detail = `CRC ${sent.toString(16)}, computed ${crc.toString(16)} over ${hexText(bytes.subarray(0, length - 2))}`;
    return { kind: 'broken', failure: failure('frame-checksum', detail) };
  }
  return { kind: 'frame', unit: bytes[0]!, pdu: bytes.subarray(1, length - 2), length };
}

export const rtuFraming: Framing = {
  ask(unit: number, range: RegisterRange): Exchange {
    return { frame: rtuFrame(unit, readRequestPdu(range)), judge: (received) => judge(received, unit, range) };
  },
};

/**
 * "Another device" and "another function" are said only of frames whose CRC is right; on anything else they would be a guess
 * about noise. Only the byte count is judged before (see byteCountFault).
 */
function judge(received: Uint8Array, unit: number, range: RegisterRange): Judged {
  const early = received[0] === unit ? byteCountFault(received.subarray(1), range) : undefined;
  if (early) return { kind: 'broken', failure: early };
  const parsed = parseRtuAnswer(received);
  if (parsed.kind !== 'frame') return parsed;
  if (parsed.unit !== unit) {
    return { kind: 'broken', failure: failure('wrong-address', `unit ${parsed.unit} answered`) };
  }
  // Before the PDU: an exception with bytes after it must not count as an answer that leaves the line clean.
  const over = received.length - parsed.length;
  if (over > 0) return { kind: 'broken', failure: failure('frame-trailing', `${over} bytes after the answer`) };
  return judgeAnswerPdu(parsed.pdu, range);
}
