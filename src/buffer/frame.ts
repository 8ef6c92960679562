import crc32c from 'crc-32/crc32c.js';
import type { Damage } from './api.ts';

/**
 * Every stored row is one frame:
 *
 *   version u8 | sequence u48 | length u32 | CRC32C u32 | payload (JSON)
 *
 * The checksum also covers the key, so a value that turns up under another key is found as surely as a flipped bit.
 * `sequence` is the journal entry that names the row (for an entry its own number, 0 for rows that no journal names).
 * Numbers are big-endian.
 */
export const FRAME_VERSION = 1;
const HEADER_LENGTH = 15;
const CRC_OFFSET = 11;
const TWO_32 = 2 ** 32;

export interface Row {
  readonly key: string;
  readonly sequence: number;
  readonly checksum: number;
  readonly payload: unknown;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @param sequence 0 .. 2^48 - 1 */
export function sealRow(key: string, sequence: number, payload: unknown): Uint8Array {
  const body = encoder.encode(JSON.stringify(payload));
  const bytes = new Uint8Array(HEADER_LENGTH + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, FRAME_VERSION);
  view.setUint16(1, Math.floor(sequence / TWO_32));
  view.setUint32(3, sequence % TWO_32);
  view.setUint32(7, body.length);
  bytes.set(body, HEADER_LENGTH);
  view.setUint32(CRC_OFFSET, checksum(key, bytes));
  return bytes;
}

/** What sealRow wrote, or what is wrong with it. */
export function openRow(key: string, bytes: Uint8Array): Row | Damage {
  const damaged = (detail: string): Damage => ({ key, detail });
  if (bytes.length < HEADER_LENGTH) return damaged(`${bytes.length} bytes, a record has at least ${HEADER_LENGTH}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stored = view.getUint32(CRC_OFFSET);
  const computed = checksum(key, bytes);
  if (stored !== computed) return damaged(`checksum ${crcText(stored)} stored, ${crcText(computed)} computed`);
  const length = view.getUint32(7);
  if (length !== bytes.length - HEADER_LENGTH)
    return damaged(`length ${length} stored, ${bytes.length - HEADER_LENGTH} found`);
  const version = view.getUint8(0);
  if (version !== FRAME_VERSION) return damaged(`record format ${version}, this program knows ${FRAME_VERSION}`);
  try {
    const payload: unknown = JSON.parse(decoder.decode(bytes.subarray(HEADER_LENGTH)));
    return { key, sequence: view.getUint16(1) * TWO_32 + view.getUint32(3), checksum: stored, payload };
  } catch (error) {
    return damaged(`the checksum fits but the payload is not JSON: ${String(error)}`);
  }
}

export function isDamage(row: object): row is Damage {
  return 'detail' in row;
}

/** The checksum as the journal writes it. */
export function crcText(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

export function checksumOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getUint32(CRC_OFFSET);
}

/** Over the key, the header before the checksum, and the payload. */
function checksum(key: string, frame: Uint8Array): number {
  const ofKey = crc32c.str(key);
  const ofHeader = crc32c.buf(frame.subarray(0, CRC_OFFSET), ofKey);
  return crc32c.buf(frame.subarray(HEADER_LENGTH), ofHeader) >>> 0;
}
