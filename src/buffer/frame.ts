import crc32c from 'crc-32/crc32c.js';
import type { Damage } from './api.ts';

/**
 * Every stored row is one frame:
 *
 *   version u8 | sequence u48 | length u32 | CRC32C u32 | payload (JSON)
 *
 * The checksum also covers the key, so a value that turns up under another key is found as surely as a flipped bit.
 * `sequence` is the journal entry that names the row (for an entry its own number, 0 for rows that no journal names).
 * Numbers are big-endian. Every version that was ever released is read; only the last is written.
 *
 *   1  one reading to a row
 *   2  the readings of one device, source and instant in one row; samples have a journal of their own
 */
export const FRAME_VERSION = 2;
const VERSION_FIRST = 1;
/** Stands in the place of a record that was found damaged or gone; the payload says what was found. */
const MARK_VERSION = 255;
const HEADER_LENGTH = 15;
const LENGTH_OFFSET = 7;
const CRC_OFFSET = 11;
const TWO_32 = 2 ** 32;

export interface Row {
  readonly key: string;
  /** Of the record format. */
  readonly version: number;
  readonly sequence: number;
  readonly checksum: number;
  readonly payload: unknown;
}

/** Of a UTF-16 unit. */
const UTF8_BYTES_MAX = 3;
const scratch = new Uint8Array(16_384);
const headerScratch = new Uint8Array(CRC_OFFSET);
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @param sequence 0 .. 2^48 - 1 */
export function sealRow(key: string, sequence: number, payload: unknown): Uint8Array {
  return seal(FRAME_VERSION, key, sequence, payload);
}

/** What stands in the place of a record that is lost, so that it is not looked for again. */
export function sealMark(key: string, detail: string): Uint8Array {
  return seal(MARK_VERSION, key, 0, detail);
}

function seal(version: number, key: string, sequence: number, payload: unknown): Uint8Array {
  const body = encoded(JSON.stringify(payload));
  const bytes = new Uint8Array(HEADER_LENGTH + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setUint16(1, Math.floor(sequence / TWO_32));
  view.setUint32(3, sequence % TWO_32);
  view.setUint32(LENGTH_OFFSET, body.length);
  bytes.set(body, HEADER_LENGTH);
  view.setUint32(CRC_OFFSET, checksum(key, bytes));
  return bytes;
}

/** As UTF-8; good until the next call. Memory of its own for each row costs more than to encode it. */
function encoded(text: string): Uint8Array {
  if (text.length * UTF8_BYTES_MAX > scratch.length) return encoder.encode(text);
  return scratch.subarray(0, encoder.encodeInto(text, scratch).written);
}

/** What sealRow wrote, or what is wrong with it. */
export function openRow(key: string, bytes: Uint8Array): Row | Damage {
  return damageOf(key, bytes) ?? openWhole(key, bytes);
}

/** The same of a frame in which `damageOf` has found no damage. */
export function openWhole(key: string, bytes: Uint8Array): Row | Damage {
  const version = bytes[0]!;
  try {
    const payload: unknown = JSON.parse(decoder.decode(bytes.subarray(HEADER_LENGTH)));
    if (version === MARK_VERSION) return { key, detail: String(payload), quarantined: true };
    return { key, version, sequence: sequenceOf(bytes), checksum: checksumOf(bytes), payload };
  } catch (error) {
    return { key, detail: `the checksum fits but the payload is not JSON: ${String(error)}` };
  }
}

/** What is wrong with a row's frame, as far as it can be told without reading the payload; undefined where nothing is. */
export function damageOf(key: string, bytes: Uint8Array): Damage | undefined {
  const damaged = (detail: string): Damage => ({ key, detail });
  if (bytes.length < HEADER_LENGTH) return damaged(`${bytes.length} bytes, a record has at least ${HEADER_LENGTH}`);
  const stored = checksumOf(bytes);
  const computed = checksum(key, bytes);
  if (stored !== computed) return damaged(`checksum ${crcText(stored)} stored, ${crcText(computed)} computed`);
  const length = uint32(bytes, LENGTH_OFFSET);
  if (length !== bytes.length - HEADER_LENGTH)
    return damaged(`length ${length} stored, ${bytes.length - HEADER_LENGTH} found`);
  const version = bytes[0]!;
  const isKnown = version === MARK_VERSION || (version >= VERSION_FIRST && version <= FRAME_VERSION);
  return isKnown ? undefined : damaged(`record format ${version}, this program knows up to ${FRAME_VERSION}`);
}

/** The format of a record that is whole, where this program does not know it: a newer one has written it. */
export function newerFormat(key: string, bytes: Uint8Array): number | undefined {
  const version = bytes[0] ?? 0;
  const isNewer = version > FRAME_VERSION && version < MARK_VERSION;
  return isNewer && bytes.length >= HEADER_LENGTH && checksumOf(bytes) === checksum(key, bytes) ? version : undefined;
}

/** The same without the payload: of a row whose checksum fits it is what was written, and need not be read. */
export function headOf(key: string, bytes: Uint8Array): Omit<Row, 'payload'> | Damage {
  const damage = damageOf(key, bytes);
  if (damage) return damage;
  if (!isMark(bytes)) return { key, version: bytes[0]!, sequence: sequenceOf(bytes), checksum: checksumOf(bytes) };
  const mark = openWhole(key, bytes);
  return isDamage(mark) ? mark : { key, detail: 'a mark', quarantined: true };
}

export function isMark(frame: Uint8Array): boolean {
  return frame[0] === MARK_VERSION;
}

export function isDamage(row: object): row is Damage {
  return !Array.isArray(row) && 'detail' in row;
}

/** The checksum as the journal writes it. */
export function crcText(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}

export function checksumOf(frame: Uint8Array): number {
  return uint32(frame, CRC_OFFSET);
}

/** The number of the journal entry that names the row. */
export function sequenceOf(frame: Uint8Array): number {
  return (frame[1]! * 256 + frame[2]!) * TWO_32 + uint32(frame, 3);
}

/** By hand: a view for each row that is read costs more than its checksum. */
function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Over the key, the header before the checksum, and the payload. */
function checksum(key: string, frame: Uint8Array): number {
  const ofKey = crc32c.str(key);
  // Byte by byte: a view of so few costs more than they do.
  for (let n = 0; n < CRC_OFFSET; n++) headerScratch[n] = frame[n]!;
  const ofHeader = crc32c.buf(headerScratch, ofKey);
  return crc32c.buf(frame.subarray(HEADER_LENGTH), ofHeader) >>> 0;
}

/** CRC32C of a text. */
export function crcOfText(text: string): number {
  return crc32c.str(text) >>> 0;
}
