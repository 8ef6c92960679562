import type { MeterFlag } from '../../src/core/reading.ts';
import type { Cursor } from './cursor.ts';
import { hexByte } from './hex.ts';

/** Who answers and in what state. A short or missing header leaves out what it does not carry. */
export interface MbusHeader {
  /** Eight hex digits, usually decimal; leading zeros count. */
  readonly id?: string;
  /** Three letters of the FLAG association. */
  readonly manufacturer?: string;
  /** The two bytes behind `manufacturer`, low byte first on the wire. */
  readonly manufacturerCode?: number;
  readonly version?: number;
  readonly medium?: string;
  readonly mediumCode?: number;
  readonly accessNumber?: number;
  readonly status?: number;
  /** Called configuration field in later editions: how the telegram is encrypted. */
  readonly signature?: number;
  /** Of the fixed structure (CI 73, 77), whose status byte says how its counters are coded where others tell of errors. */
  readonly isFixed?: true;
}

/** CI 72, and 76 with the high byte of each field first: 12 bytes. */
export function readLongHeader(cursor: Cursor): MbusHeader {
  const id = readId(cursor);
  const manufacturerCode = word(cursor);
  const version = cursor.byte();
  const mediumCode = cursor.byte();
  return {
    id,
    manufacturer: manufacturerText(manufacturerCode),
    manufacturerCode,
    version,
    medium: mediumText(mediumCode),
    mediumCode,
    ...readShortHeader(cursor),
  };
}

/** CI 7A: 4 bytes. */
export function readShortHeader(cursor: Cursor): MbusHeader {
  return { accessNumber: cursor.byte(), status: cursor.byte(), signature: word(cursor) };
}

/** Four bytes, low byte first, as they are written on the meter. */
export function readId(cursor: Cursor): string {
  const at = cursor.field(4);
  return [3, 2, 1, 0].map((n) => hexByte(cursor.bytes[at + n]!)).join('');
}

function word(cursor: Cursor): number {
  const at = cursor.field(2);
  return cursor.bytes[at]! | (cursor.bytes[at + 1]! << 8);
}

/** Three letters of five bits, A = 1 (EN 13757-3:2018, 5.6). The top bit only marks the address as soft. */
export function manufacturerText(code: number): string {
  return [10, 5, 0].map((bits) => String.fromCharCode(64 + ((code >> bits) & 0x1f))).join('');
}

/** EN 13757-7:2018 table 13, device types. */
const MEDIA: Record<number, string> = {
  0: 'other',
  1: 'oil',
  2: 'electricity',
  3: 'gas',
  4: 'heat, outlet',
  5: 'steam',
  6: 'warm water',
  7: 'water',
  8: 'heat cost allocator',
  9: 'compressed air',
  10: 'cooling, outlet',
  11: 'cooling, inlet',
  12: 'heat, inlet',
  13: 'heat and cooling',
  14: 'bus or system',
  20: 'calorific value',
  21: 'hot water',
  22: 'cold water',
  23: 'dual water',
  24: 'pressure',
  25: 'A/D converter',
  26: 'smoke detector',
  27: 'room sensor',
  28: 'gas detector',
  32: 'breaker, electricity',
  33: 'valve, gas or water',
  37: 'customer unit',
  40: 'waste water',
  41: 'garbage',
};

export function mediumText(code: number): string {
  return MEDIA[code] ?? `reserved ${hexByte(code)}`;
}

const APPLICATION_STATE = 0x03;
const APPLICATION_BUSY = 0x01;
const POWER_LOW = 0x04;
const PERMANENT_ERROR = 0x08;
const TEMPORARY_ERROR = 0x10;

/** The meter says that it has no time for data: what stands in the telegram may be half of an update. */
export function isBusy({ status = 0, isFixed }: MbusHeader): boolean {
  return !isFixed && (status & APPLICATION_STATE) === APPLICATION_BUSY;
}

/** The status byte (EN 13757-3:2018, 5.7) as flags on every value; bits 5 to 7 are the manufacturer's and say nothing. */
export function statusFlags({ status = 0, isFixed }: MbusHeader): MeterFlag[] {
  const application = isFixed ? 0 : status & APPLICATION_STATE;
  const error = (status & (PERMANENT_ERROR | TEMPORARY_ERROR)) !== 0 || application > APPLICATION_BUSY;
  const flags: MeterFlag[] = [];
  if (error) flags.push('alarm');
  if (status & POWER_LOW) flags.push('low-battery');
  return flags;
}
