import { add, type Decimal, decimalFromFloat, decimalText } from '../../src/core/decimal.ts';
import { OdecetError } from '../../src/core/failure.ts';
import type { Cursor } from './cursor.ts';
import { hex, hexByte } from './hex.ts';
import { readTime, type TimeValue } from './time.ts';
import type { Qualified } from './vife.ts';

/**
 * number   exact, in the record's unit
 * text     as the meter wrote it; also numbers that name something (ids, versions), with leading zeros and hex digits
 * bytes    hex in the order of the wire: containers, and binary of variable length that no table calls a quantity
 * none     the record carries no data
 * invalid  the meter says, or the bytes show, that there is no value: error digits, not a number, a time marked invalid
 */
export type MbusValue =
  | { readonly kind: 'number'; readonly number: Decimal }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly hex: string }
  | { readonly kind: 'none' }
  | TimeValue;

/** The data field of the DIF (low four bits), EN 13757-3:2018 table 4, to its length in bytes. */
const LENGTHS = [0, 1, 2, 3, 4, 4, 6, 8, 0, 1, 2, 3, 4, undefined, 6] as const;
const NO_DATA = 0x0;
const REAL = 0x5;
const SELECTION = 0x8;
const VARIABLE = 0xd;

const NONE: MbusValue = { kind: 'none' };
const NO_DATE: MbusValue = { kind: 'invalid', reason: 'a number of variable length codes no date' };

/** Reads the data of a record. @param field 0..14, the data field of the DIF (15 is no data but a special function) */
export function readData(cursor: Cursor, field: number, meaning: Qualified): MbusValue {
  if (field === VARIABLE) return checked(meaning, readVariable(cursor, meaning));
  const length = LENGTHS[field] ?? 0;
  const at = cursor.field(length);
  // The meter's own "no value" beats whatever stands in the data.
  if (meaning.invalid !== undefined) return { kind: 'invalid', reason: meaning.invalid };
  if (field === NO_DATA || field === SELECTION) return NONE;
  if (meaning.form === 'bytes') return { kind: 'bytes', hex: cursor.hexSince(at) };
  if (meaning.form === 'time') return readPointOfTime(cursor.bytes, at, field, length);
  if (field === REAL) return readReal(cursor.bytes, at, meaning);
  if (field > SELECTION) {
    return meaning.form === 'id' ? text(digits(cursor.bytes, at, length)) : readBcd(cursor.bytes, at, length, meaning);
  }
  return scaled(readInteger(cursor.bytes, at, length, isSigned(meaning)), meaning);
}

function checked(meaning: Qualified, value: MbusValue): MbusValue {
  return meaning.invalid === undefined ? value : { kind: 'invalid', reason: meaning.invalid };
}

function scaled(raw: bigint, meaning: Qualified): MbusValue {
  return finish({ coefficient: raw, exponent: 0 }, meaning);
}

function finish(raw: Decimal, meaning: Qualified): MbusValue {
  if (meaning.form === 'unknown') return { kind: 'number', number: raw };
  if (meaning.form === 'id') return text(decimalText(raw));
  const number = { coefficient: raw.coefficient * meaning.factor, exponent: raw.exponent + meaning.exponent };
  return { kind: 'number', number: meaning.offset ? add(number, meaning.offset) : number };
}

/** Table 10: the binary data fields 2, 3, 4 and 6 code the types G, J, F and I; a BCD or real date does not exist. */
function readPointOfTime(bytes: Uint8Array, at: number, field: number, length: number): MbusValue {
  if (field > 7 || field === REAL) return { kind: 'invalid', reason: `data field ${hexByte(field)} codes no date` };
  return readTime(bytes, at, length);
}

/** Type B is a quantity that may be below zero, type C a count or a code. */
function isSigned({ form }: Qualified): boolean {
  return form !== 'unsigned' && form !== 'id';
}

function text(value: string): MbusValue {
  return { kind: 'text', text: value };
}

/** Types B and C of any length, low byte first. Up to six bytes stay below 2^53. */
function readInteger(bytes: Uint8Array, at: number, length: number, signed: boolean): bigint {
  if (length > 6) {
    let all = 0n;
    for (let n = length - 1; n >= 0; n--) all = (all << 8n) | BigInt(bytes[at + n]!);
    return signed ? BigInt.asIntN(8 * length, all) : all;
  }
  const value = unsignedAt(bytes, at, length);
  const range = 2 ** (8 * length);
  return BigInt(signed && value >= range / 2 ? value - range : value);
}

function unsignedAt(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let n = length - 1; n >= 0; n--) value = value * 256 + bytes[at + n]!;
  return value;
}

/** Type H. Infinity and NaN are how meters say that there is no value. */
function readReal(bytes: Uint8Array, at: number, meaning: Qualified): MbusValue {
  const value = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getFloat32(0, true);
  if (!Number.isFinite(value)) return { kind: 'invalid', reason: `the real number is ${value}` };
  return finish(decimalFromFloat(value, 32), meaning);
}

/**
 * Type A, two digits a byte, low byte first. An F as the first digit is a minus (Annex B); any other digit above 9 is an error
 * display of the meter and no value.
 */
function readBcd(bytes: Uint8Array, at: number, length: number, meaning: Qualified): MbusValue {
  let value = 0;
  let negative = false;
  for (let n = length - 1; n >= 0; n--) {
    const byte = bytes[at + n]!;
    let [high, low] = [byte >> 4, byte & 0x0f];
    if (n === length - 1 && high === 0xf) {
      negative = true;
      high = 0;
    }
    if (high > 9 || low > 9)
      return { kind: 'invalid', reason: `error digits ${digits(bytes, at, length).toUpperCase()}` };
    value = value * 100 + high * 10 + low;
  }
  return scaled(BigInt(negative ? 0 - value : value), meaning);
}

function digits(bytes: Uint8Array, at: number, length: number): string {
  return hex(bytes.slice(at, at + length).reverse());
}

/** Table 5: the first byte (LVAR) says what follows and how long it is. */
function readVariable(cursor: Cursor, meaning: Qualified): MbusValue {
  const lvar = cursor.byte();
  if (lvar < 0xc0) return readText(cursor, lvar, meaning);
  if (lvar <= 0xc9) return readLongBcd(cursor, lvar - 0xc0, false, meaning);
  if (lvar >= 0xd0 && lvar <= 0xd9) return readLongBcd(cursor, lvar - 0xd0, true, meaning);
  const length = binaryLength(lvar);
  if (length === undefined) {
    throw new OdecetError('frame-unsupported', `variable length code ${hexByte(lvar)} is reserved`);
  }
  return readLongBinary(cursor, length, meaning);
}

/**
 * Table 5 calls it a binary number: of a quantity it is one, in two's complement or not as a number of fixed length would be.
 * What names or contains something is left as its bytes.
 */
function readLongBinary(cursor: Cursor, length: number, meaning: Qualified): MbusValue {
  const at = cursor.field(length);
  if (meaning.form === 'time') return NO_DATE;
  if (meaning.form !== 'signed' && meaning.form !== 'unsigned') return { kind: 'bytes', hex: cursor.hexSince(at) };
  return length === 0 ? NONE : scaled(readInteger(cursor.bytes, at, length, isSigned(meaning)), meaning);
}

/** E0..EF n bytes; F0..F4 16 to 32 in steps of 4; F5 48; F6 64. */
function binaryLength(lvar: number): number | undefined {
  if (lvar >= 0xe0 && lvar <= 0xef) return lvar - 0xe0;
  if (lvar >= 0xf0 && lvar <= 0xf4) return 4 * (lvar - 0xec);
  return { 245: 48, 246: 64 }[lvar];
}

function readText(cursor: Cursor, length: number, meaning: Qualified): MbusValue {
  const at = cursor.field(length);
  if (meaning.form === 'bytes') return { kind: 'bytes', hex: cursor.hexSince(at) };
  return text(latin1Reversed(cursor.bytes, at, length));
}

/** ISO 8859-1, the right-most character first on the wire. */
export function latin1Reversed(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let n = length - 1; n >= 0; n--) text += String.fromCharCode(bytes[at + n]!);
  return text;
}

/** Here the sign stands in the LVAR, so that an F is no minus. */
function readLongBcd(cursor: Cursor, length: number, negative: boolean, meaning: Qualified): MbusValue {
  const at = cursor.field(length);
  if (meaning.form === 'time') return NO_DATE;
  if (meaning.form === 'bytes') return { kind: 'bytes', hex: cursor.hexSince(at) };
  const found = digits(cursor.bytes, at, length);
  if (meaning.form === 'id') return text(negative ? `-${found}` : found);
  if (length === 0) return NONE;
  if (/\D/.test(found)) return { kind: 'invalid', reason: `error digits ${found.toUpperCase()}` };
  return scaled(negative ? -BigInt(found) : BigInt(found), meaning);
}
