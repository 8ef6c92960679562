import { broken, type Exchange, type Framing, type Judged, judgeFrame, type Parsed } from './framing.ts';
import { type Ask, answerPduLength, byteCountFault, requestPdu } from './pdu.ts';
import { hexText } from './registers.ts';

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

/** The first answer frame in `bytes`, whoever it is from. */
export function parseRtuAnswer(bytes: Uint8Array): Parsed {
  const pduLength = answerPduLength(bytes.subarray(1));
  if (pduLength === 'unknown') return broken('wrong-function', `function ${bytes[1]}, of no answer we could ask for`);
  if (pduLength === 'more' || bytes.length < pduLength + 3) return { kind: 'more' };
  const length = pduLength + 3;
  const crc = crc16(bytes.subarray(0, length - 2));
  const sent = bytes[length - 2]! | (bytes[length - 1]! << 8);
  if (crc !== sent) {
    const body = hexText(bytes.subarray(0, length - 2));
    return broken('frame-checksum', `CRC ${sent.toString(16)}, computed ${crc.toString(16)} over ${body}`);
  }
  return { kind: 'frame', unit: bytes[0]!, pdu: bytes.subarray(1, length - 2), length };
}

export const rtuFraming: Framing = {
  ask(unit: number, ask: Ask): Exchange {
    return { frame: rtuFrame(unit, requestPdu(ask)), judge: (received) => judge(received, unit, ask) };
  },
};

/**
 * "Another device" and "another function" are said only of frames whose CRC is right; on anything else they would be a guess
 * about noise. Only the byte count is judged before (see byteCountFault).
 */
function judge(received: Uint8Array, unit: number, ask: Ask): Judged {
  const early = received[0] === unit ? byteCountFault(received.subarray(1), ask) : undefined;
  if (early) return { kind: 'broken', failure: early };
  const parsed = parseRtuAnswer(received);
  return parsed.kind === 'frame' ? judgeFrame(parsed, received.length, unit, ask) : parsed;
}
