import type { Decimal } from '../../src/core/decimal.ts';
import { OdecetError } from '../../src/core/failure.ts';
import type { Cursor } from './cursor.ts';
import { readData } from './data.ts';
import { type MbusHeader, mediumText, readId } from './header.ts';
import { hex, hexByte } from './hex.ts';
import type { MbusRecord } from './record.ts';
import type { Meaning } from './vif.ts';

/**
 * The fixed data structure, CI 73 (EN 1434-3:1997, dropped from EN 13757-3): id, access number, status, medium and units, two
 * counters of four bytes.
 */
export function readFixed(cursor: Cursor): { header: MbusHeader; records: MbusRecord[] } {
  const id = readId(cursor);
  const accessNumber = cursor.byte();
  const status = cursor.byte();
  // The manual of the M-Bus user group puts "binary" and "stored" at bits 0 and 1, other masters at 7 and 6. Clear, all agree.
  if (status & 0xc3) {
    throw new OdecetError(
      'frame-unsupported',
      `fixed structure with status ${hexByte(status)}: its counters may be binary or stored, sources disagree on the bits`,
    );
  }
  const [first, second] = [cursor.byte(), cursor.byte()];
  const mediumCode = (first >> 6) | ((second >> 6) << 2);
  const units = [first & 0x3f, second & 0x3f];
  const records = units.map((unit, n) => readCounter(cursor, unit, units[n === 0 ? 1 : 0]!));
  if (cursor.left > 0) {
    throw new OdecetError('frame-length', `${cursor.left} byte(s) follow the two counters of a fixed structure`);
  }
  return { header: { id, medium: mediumText(mediumCode), mediumCode, accessNumber, status }, records };
}

const BCD_8_DIGITS = 0x0c;
const HISTORIC = 0x3e;

function readCounter(cursor: Cursor, unit: number, otherUnit: number): MbusRecord {
  const historic = unit === HISTORIC;
  const meaning = fixedMeaning(historic ? otherUnit : unit);
  const from = cursor.at;
  const value = readData(cursor, BCD_8_DIGITS, meaning);
  return {
    function: 'instantaneous',
    storage: historic ? 1 : 0,
    tariff: 0,
    subunit: 0,
    quantity: meaning.quantity,
    unit: meaning.unit,
    value,
    vife: [],
    raw: hex(cursor.bytes, from, cursor.at),
  };
}

/** First unit code of each run, how many powers of ten it counts, and what the first of them is. */
const RUNS: readonly (readonly [
  from: number,
  count: number,
  quantity: string,
  unit: string,
  power: Decimal['exponent'],
])[] = [
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
