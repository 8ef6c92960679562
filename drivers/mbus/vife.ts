import { type Decimal, decimal } from '../../src/core/decimal.ts';
import { type Meaning, RESERVED, TIME_UNIT_SECONDS } from './vif.ts';

/**
 * Combinable (orthogonal) VIFEs, EN 13757-3:2018 table 15, and the record error codes of 6.4.8. They qualify a value; some
 * change its unit, its scale or even what kind of thing it is. The codes are kept beside the value in any case.
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

const COMPACT_PROFILES = new Set([0x13, 0x1e, 0x1f]);
const START_DATE_OF = 0x39;
const OTHER_UNIT_SYSTEM = 0x3d;
/** The next VIFE is of the extension table 16 (phases, directions): kept, not interpreted. */
const EXTENSION = 0x7c;
const TIMES_1000 = 0x7d;
/** All that follows is the manufacturer's. */
const MANUFACTURER_FROM_HERE = 0x7f;

/** The meaning of a record after all its VIFEs (extension bits removed). */
export function qualify(meaning: Meaning, codes: readonly number[]): Qualified {
  if (meaning.form === 'unknown') return meaning;
  let qualified: Qualified = meaning;
  for (let n = 0; n < codes.length; n++) {
    const code = codes[n]!;
    if (code === MANUFACTURER_FROM_HERE) break;
    if (code === EXTENSION) n += 1;
    else qualified = one(qualified, code);
  }
  return qualified;
}

function one(m: Qualified, code: number): Qualified {
  const error = RECORD_ERRORS[code];
  if (error !== undefined) return { ...m, invalid: error };
  if (COMPACT_PROFILES.has(code)) return { ...m, form: 'bytes' };
  if (code < 0x20) return m;
  if (code < START_DATE_OF) return { ...m, unit: `${m.unit}${UNIT_CHANGES[code - 0x20]}` };
  // Table of alternate units not built: the number alone must not look like the metric one.
  if (code === OTHER_UNIT_SYSTEM) return { ...RESERVED };
  if (isTimeOf(code)) return { ...m, unit: '', form: 'time' };
  if (code < 0x40) return m;
  if (code >= 0x70) return correction(m, code);
  // E100 u001: how often a limit was exceeded.
  if (code === 0x41 || code === 0x49) return { ...m, unit: '1', exponent: 0, factor: 1n };
  // E101 ufnn and E110 0fnn: how long.
  if (code >= 0x50 && code < 0x68) return { ...m, unit: 's', exponent: 0, factor: TIME_UNIT_SECONDS[code & 3]! };
  return m;
}

/** 39, E100 uf1b and E110 1f1b: the date or time at which something began or ended. */
function isTimeOf(code: number): boolean {
  return code === START_DATE_OF || (code & 0x72) === 0x42 || (code & 0x7a) === 0x6a;
}

function correction(m: Qualified, code: number): Qualified {
  if (code < 0x78) return { ...m, exponent: m.exponent + (code & 7) - 6 };
  if (code < EXTENSION) return { ...m, offset: decimal(1, (code & 3) - 3) };
  if (code === TIMES_1000) return { ...m, exponent: m.exponent + 3 };
  return m;
}
