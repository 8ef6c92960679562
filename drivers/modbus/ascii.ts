import { broken, type Exchange, type Framing, type Judged, judgeFrame, type Parsed } from './framing.ts';
import { type Ask, requestPdu } from './pdu.ts';

/**
 * ASCII framing: a colon, address, PDU and LRC as hex digits, CR LF (MODBUS over Serial Line V1.02, clause 2.5.2). The LRC of 8
 * bits is a weak guard, so whatever else the standard fixes is insisted on: capitals, whole pairs, the end.
 */

const COLON = 0x3a;
const CR = 0x0d;
const LF = 0x0a;
/** Address, a PDU of at most 253 bytes, LRC. */
const BYTES_MAX = 255;
/** Address, function and exception code or more, LRC. */
const BYTES_MIN = 4;

/** The two's complement of the sum of all bytes (clause 6.2.1). */
export function lrc(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -sum & 0xff;
}

export function asciiFrame(unit: number, pdu: Uint8Array): Uint8Array {
  const body = Uint8Array.of(unit, ...pdu);
  const hex = Array.from([...body, lrc(body)], (byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join('');
  return Uint8Array.from(`:${hex}\r\n`, (character) => character.charCodeAt(0));
}

/** The first frame in `bytes`, whoever it is from. */
export function parseAsciiFrame(bytes: Uint8Array): Parsed {
  if (bytes.length === 0) return { kind: 'more' };
  if (bytes[0] !== COLON) return broken('frame-start', `${characterText(bytes[0]!)} instead of a colon`);
  const end = bytes.indexOf(CR);
  const digits = bytes.subarray(1, end < 0 ? undefined : end);
  const odd = digits.find((character) => nibble(character) === undefined);
  if (odd !== undefined) return broken('frame-checksum', `${characterText(odd)} among the hex digits`);
  if (digits.length > 2 * BYTES_MAX) return broken('frame-length', `more than ${2 * BYTES_MAX} hex digits`);
  if (end < 0 || bytes.length === end + 1) return { kind: 'more' };
  if (bytes[end + 1] !== LF) return broken('frame-length', `${characterText(bytes[end + 1]!)} after CR, expected LF`);
  if (digits.length % 2 === 1 || digits.length < 2 * BYTES_MIN) {
    return broken('frame-length', `${digits.length} hex digits; a frame has pairs, ${BYTES_MIN} at the least`);
  }
  return decoded(digits, end + 2);
}

function decoded(digits: Uint8Array, length: number): Parsed {
  const bytes = Uint8Array.from({ length: digits.length / 2 }, (_, at) => {
    return (nibble(digits[2 * at]!)! << 4) | nibble(digits[2 * at + 1]!)!;
  });
  const [sent, computed] = [bytes.at(-1)!, lrc(bytes.subarray(0, -1))];
  if (sent !== computed) return broken('frame-checksum', `LRC ${sent.toString(16)}, computed ${computed.toString(16)}`);
  return { kind: 'frame', unit: bytes[0]!, pdu: bytes.subarray(1, -1), length };
}

export const asciiFraming: Framing = {
  ask(unit: number, ask: Ask): Exchange {
    return { frame: asciiFrame(unit, requestPdu(ask)), judge: (received) => judge(received, unit, ask) };
  },
};

function judge(received: Uint8Array, unit: number, ask: Ask): Judged {
  const parsed = parseAsciiFrame(received);
  return parsed.kind === 'frame' ? judgeFrame(parsed, received.length, unit, ask) : parsed;
}

/** 0 to 15 for the digits and capitals A to F. */
function nibble(character: number): number | undefined {
  if (character >= 0x30 && character <= 0x39) return character - 0x30;
  return character >= 0x41 && character <= 0x46 ? character - 0x41 + 10 : undefined;
}

function characterText(character: number): string {
  return `character 0x${character.toString(16).padStart(2, '0')}`;
}
