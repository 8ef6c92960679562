import { type Decimal, decimal } from '../../src/core/decimal.ts';
import { type Meaning, RESERVED, TIME_UNIT_SECONDS } from './vif.ts';

/**
 * Combinable (orthogonal) VIFEs, EN 13757-3:2018 table 15, and the record error codes of 6.4.8. They qualify a value; some
 * change its unit, its scale or even what kind of thing it is: a limit, how often it was exceeded and since when are no energy,
 * so their quantity has a name of its own. The codes are kept beside the value in any case.
 */
export interface Qualified extends Meaning {
  /** Added after scaling, in `unit`. */
  readonly offset?: Decimal;
  /** The meter says of this very record that its value is none. */
  readonly invalid?: string;
}

const RECORD_ERRORS: Record<number, string> = {
  1: 'too many DIFEs',
  2: 'storage number not implemented',
  3: 'subunit not implemented',
  4: 'tariff not implemented',
  5: 'function not implemented',
  6: 'data class not implemented',
  7: 'data size not implemented',
  11: 'too many VIFEs',
  12: 'illegal VIF group',
  13: 'illegal VIF exponent',
  14: 'VIF does not fit DIF',
  15: 'action not implemented',
  21: 'no data available',
  22: 'data overflow',
  23: 'data underflow',
  24: 'data error',
  28: 'premature end of record',
};

/** 20 to 38: the unit is divided or multiplied. */
const UNIT_CHANGES = [
  ...['/s', '/min', '/h', '/day', '/week', '/month', '/year', '/revolution'],
  ...['/pulse in 0', '/pulse in 1', '/pulse out 0', '/pulse out 1'],
  ...['/l', '/m3', '/kg', '/K', '/kWh', '/GJ', '/kW', '/(K l)', '/V', '/A'],
  ...['*s', '*s/V', '*s/A'],
];

/** No error (00), average (12), standard-conform content (1d): what the value is stays the same. */
const PLAIN_BELOW_20 = new Set([0x00, 0x12, 0x1d]);
const COMPACT_PROFILES = new Set([0x13, 0x1e, 0x1f]);
const RELATIVE_DEVIATION = 0x14;
const START_DATE_OF = 0x39;
/** 3d: units that are not metric, whose table is not built here. 3f: the data are no value but its OBIS code. */
const OTHER_UNIT_SYSTEM = 0x3d;
const OBIS_DECLARATION = 0x3f;
const LEAKAGE = 0x69;
const OVERFLOW = 0x6d;
const EXTENSION = 0x7c;
const TIMES_1000 = 0x7d;
/** All that follows is the manufacturer's. */
const MANUFACTURER_FROM_HERE = 0x7f;

/** The meaning of a record after all its VIFEs (extension bits removed). */
export function qualify(meaning: Meaning, codes: readonly number[]): Qualified {
  let qualified: Qualified = meaning;
  for (let n = 0; n < codes.length && qualified.form !== 'unknown'; n++) {
    const code = codes[n]!;
    if (code === MANUFACTURER_FROM_HERE) break;
    if (code === EXTENSION) {
      n += 1;
      qualified = extended(qualified, codes[n]);
    } else qualified = one(qualified, code);
  }
  return qualified;
}

function one(m: Qualified, code: number): Qualified {
  const error = RECORD_ERRORS[code];
  if (error !== undefined) return { ...m, invalid: error };
  if (code < 0x20) return belowUnits(m, code);
  if (code < START_DATE_OF) return { ...m, unit: `${m.unit}${UNIT_CHANGES[code - 0x20]}` };
  if (code === START_DATE_OF) return pointOfTime(m, 'start');
  if (code === OBIS_DECLARATION) return { ...m, quantity: `${m.quantity}-obis-code`, unit: '', form: 'bytes' };
  // Unknown: the number alone must not look like the metric one.
  if (code === OTHER_UNIT_SYSTEM) return RESERVED;
  if (code < 0x40) return m;
  if (code < 0x70) return ofLimit(m, code);
  return correction(m, code);
}

function belowUnits(m: Qualified, code: number): Qualified {
  if (COMPACT_PROFILES.has(code)) return { ...m, quantity: `${m.quantity}-profile`, form: 'bytes' };
  // Its unit is not told.
  if (code === RELATIVE_DEVIATION) return { ...RESERVED, quantity: `${m.quantity}-relative-deviation` };
  return PLAIN_BELOW_20.has(code) ? m : RESERVED;
}

/** 40 to 6f: limits, and of their being exceeded (or of the value itself) how often, when, for how long. */
function ofLimit(m: Qualified, code: number): Qualified {
  const limit = code & 0x08 ? 'upper-limit' : 'lower-limit';
  const which = code & 0x04 ? 'last' : 'first';
  const edge = code & 0x01 ? 'end' : 'begin';
  // E100 u000, E100 u001, E100 uf1b
  if ((code & 0x77) === 0x40) return { ...m, quantity: `${m.quantity}-${limit}` };
  if ((code & 0x77) === 0x41) return count(m, `${limit}-exceed-count`);
  if ((code & 0x72) === 0x42) return pointOfTime(m, `${limit}-exceed-${which}-${edge}`);
  // E101 ufnn, E110 0fnn
  if ((code & 0x70) === 0x50) return duration(m, `${limit}-exceed-${which}-duration`, code);
  if ((code & 0x78) === 0x60) return duration(m, `${which}-duration`, code);
  // E110 1f1b, E110 1u00
  if ((code & 0x7a) === 0x6a) return pointOfTime(m, `${which}-${edge}`);
  if (code === 0x68) return { ...m, quantity: `${m.quantity}-during-lower-limit-exceed` };
  if (code === 0x6c) return { ...m, quantity: `${m.quantity}-during-upper-limit-exceed` };
  if (code === LEAKAGE) return { ...m, quantity: `${m.quantity}-leakage` };
  if (code === OVERFLOW) return { ...m, quantity: `${m.quantity}-overflow` };
  return RESERVED;
}

function count(m: Qualified, name: string): Qualified {
  return { ...m, quantity: `${m.quantity}-${name}`, unit: '1', exponent: 0, factor: 1n, form: 'unsigned' };
}

function duration(m: Qualified, name: string, code: number): Qualified {
  return { ...m, quantity: `${m.quantity}-${name}`, unit: 's', exponent: 0, factor: TIME_UNIT_SECONDS[code & 3]! };
}

function pointOfTime(m: Qualified, name: string): Qualified {
  return { ...m, quantity: `${m.quantity}-${name}`, unit: '', form: 'time' };
}

/** 70 to 7e; a future value (7e) is of the same kind. */
function correction(m: Qualified, code: number): Qualified {
  if (code < 0x78) return { ...m, exponent: m.exponent + (code & 7) - 6 };
  if (code < EXTENSION) return { ...m, offset: decimal(1, (code & 3) - 3) };
  return code === TIMES_1000 ? { ...m, exponent: m.exponent + 3 } : m;
}

/** Behind 7c (table 16): phases, quadrants and directions are kept and change nothing; these do. */
const DATA_OF_TYPE_C = 0x11;
const DATA_OF_TYPE_D = 0x12;
/** 0d: units that are not metric. 13: a direction in older editions, an end date in later ones. */
const NOT_INTERPRETED = new Set<number | undefined>([undefined, 0x0d, 0x13]);

function extended(m: Qualified, code: number | undefined): Qualified {
  if (NOT_INTERPRETED.has(code)) return RESERVED;
  const isUnsigned = code === DATA_OF_TYPE_C || code === DATA_OF_TYPE_D;
  return isUnsigned && m.form === 'signed' ? { ...m, form: 'unsigned' } : m;
}
