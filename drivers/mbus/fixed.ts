import { OdecetError } from '../../src/core/failure.ts';
import type { Cursor } from './cursor.ts';
import { readData } from './data.ts';
import { type MbusHeader, mediumText, readId } from './header.ts';
import { hexByte } from './hex.ts';
import type { MbusRecord } from './record.ts';
import type { Meaning } from './vif.ts';

/**
 * The fixed data structure, CI 73 and 77 (EN 1434-3:1997, dropped from EN 13757-3; "The M-Bus: A Documentation" 4.8, clause 6.2):
 * id, access number, status, medium and units, two counters of four bytes. With CI 77 (mode 2) the high byte of id and counters
 * comes first; medium and units stand the same way round in both (clause 8.3.1).
 */
export function readFixed(cursor: Cursor): { header: MbusHeader; records: MbusRecord[] } {
  const id = readId(cursor);
  const accessNumber = cursor.byte();
  const status = cursor.byte();
  const [first, second] = [cursor.byte(), cursor.byte()];
  const mediumCode = (first >> 6) | ((second >> 6) << 2);
  const medium = readMedium(mediumCode, cursor);
  const units = [first & 0x3f, second & 0x3f];
  const records = units.map((unit, n) => readCounter(cursor, status, unit, units[n === 0 ? 1 : 0]!));
  if (cursor.left > 0) {
    throw new OdecetError('frame-length', `${cursor.left} byte(s) follow the two counters of a fixed structure`);
  }
  return { header: { id, medium, mediumCode, accessNumber, status, isFixed: true }, records };
}

/** Clause 8.3.1: up to 8 the codes of the variable structure, from A on five of them once more for meters in mode 2. */
const PLAIN_MEDIUM_MAX = 8;
const MODE_2_MEDIA: Readonly<Record<number, number>> = { 10: 3, 11: 4, 12: 6, 13: 7, 14: 8 };

/** Throws where the CI field says that the low byte is first and the medium that the high byte is: one of them is wrong. */
function readMedium(code: number, { order }: Cursor): string {
  const mode2 = MODE_2_MEDIA[code];
  if (mode2 === undefined) return code > PLAIN_MEDIUM_MAX ? `reserved ${hexByte(code)}` : mediumText(code);
  if (order === 'high-first') return mediumText(mode2);
  const detail = `CI 73 sends the low byte first and medium ${hexByte(code)} (mode 2) the high byte`;
  throw new OdecetError('frame-unsupported', `fixed structure: ${detail}; not known which of them holds`);
}

/**
 * Clause 6.2, coding of the status field; bits 5 to 7 are the manufacturer's. libmbus tests bits 7 and 6 instead, as if they were
 * counted from the other end.
 */
const STATUS_BINARY = 0x01;
const STATUS_STORED = 0x02;
const BCD_8_DIGITS = 0x0c;
const INTEGER_32_BITS = 0x04;
const HISTORIC = 0x3e;

function readCounter(cursor: Cursor, status: number, unit: number, otherUnit: number): MbusRecord {
  const historic = unit === HISTORIC;
  const meaning = fixedMeaning(historic ? otherUnit : unit);
  const from = cursor.at;
  const value = readData(cursor, status & STATUS_BINARY ? INTEGER_32_BITS : BCD_8_DIGITS, meaning);
  return {
    function: 'instantaneous',
    storage: historic || status & STATUS_STORED ? 1 : 0,
    tariff: 0,
    subunit: 0,
    quantity: meaning.quantity,
    unit: meaning.unit,
    value,
    vife: [],
    raw: cursor.hexSince(from),
  };
}

/** First unit code of each run, how many powers of ten it counts, and what the first of them is. */
const RUNS: readonly (readonly [from: number, count: number, quantity: string, unit: string, power: number])[] = [
  [0x02, 9, 'energy', 'Wh', 0],
  [0x0b, 9, 'energy', 'J', 3],
  [0x14, 9, 'power', 'W', 0],
  [0x1d, 9, 'power', 'J/h', 3],
  [0x26, 9, 'volume', 'm3', -6],
  [0x2f, 9, 'volume-flow', 'm3/h', -6],
  [0x38, 1, 'temperature', '°C', -3],
  [0x39, 1, 'heat-cost-units', '1', 0],
  [0x3f, 1, 'dimensionless', '1', 0],
];

function fixedMeaning(unit: number): Meaning {
  for (const [from, count, quantity, symbol, power] of RUNS) {
    if (unit >= from && unit < from + count) {
      return { quantity, unit: symbol, exponent: power + unit - from, factor: 1n, form: 'signed' };
    }
  }
  throw new OdecetError('frame-unsupported', `unit code ${hexByte(unit)} of a fixed structure is a time or reserved`);
}
