/**
 * What a record is of: the value information tables of EN 13757-3:2018, 6.4 (primary table 10, FD table 12, FB table 14).
 * `quantity` is our word; where the device file's list (src/device/mbus-model.ts) has one, it is that.
 */
export interface Meaning {
  readonly quantity: string;
  /** A unit without prefix; empty where the table gives none. */
  readonly unit: string;
  /** The number sent times factor x 10^exponent is the value in `unit`. */
  readonly exponent: number;
  readonly factor: bigint;
  /**
   * signed    integers are two's complement (type B)
   * unsigned  integers, codes and bit fields are not (types C and D)
   * id        names something: digits as they are, leading zeros and hex digits included
   * time      a date or time, its coding told by its length
   * bytes     a container, left as it is
   * unknown   reserved or the manufacturer's: the number is not scaled and further VIFEs have no public meaning
   */
  readonly form: 'signed' | 'unsigned' | 'id' | 'time' | 'bytes' | 'unknown';
}

type Table = (Meaning | undefined)[];

export const RESERVED: Meaning = { quantity: 'reserved', unit: '', exponent: 0, factor: 1n, form: 'unknown' };
export const MANUFACTURER: Meaning = { ...RESERVED, quantity: 'manufacturer-specific' };
/** The unit stands in the telegram as text. */
export const PLAIN_TEXT: Meaning = { ...RESERVED, quantity: 'plain-text', form: 'signed' };

/** Seconds, minutes, hours, days: what nn = 0..3 mean wherever the tables code a length of time. */
export const TIME_UNIT_SECONDS = [1n, 60n, 3_600n, 86_400n] as const;

const primary: Table = new Array(128);
scaled(primary, 0x00, 8, 'energy', 'Wh', -3);
scaled(primary, 0x08, 8, 'energy', 'J', 0);
scaled(primary, 0x10, 8, 'volume', 'm3', -6);
scaled(primary, 0x18, 8, 'mass', 'kg', -3);
durations(primary, 0x20, 'on-time');
durations(primary, 0x24, 'operating-time');
scaled(primary, 0x28, 8, 'power', 'W', -3);
scaled(primary, 0x30, 8, 'power', 'J/h', 0);
scaled(primary, 0x38, 8, 'volume-flow', 'm3/h', -6);
// Given in m3/min and m3/s; told in m3/h, which is exact.
scaled(primary, 0x40, 8, 'volume-flow', 'm3/h', -7, 60n);
scaled(primary, 0x48, 8, 'volume-flow', 'm3/h', -9, 3_600n);
scaled(primary, 0x50, 8, 'mass-flow', 'kg/h', -3);
scaled(primary, 0x58, 4, 'flow-temperature', '°C', -3);
scaled(primary, 0x5c, 4, 'return-temperature', '°C', -3);
scaled(primary, 0x60, 4, 'temperature-difference', 'K', -3);
// The table calls it external temperature.
scaled(primary, 0x64, 4, 'temperature', '°C', -3);
scaled(primary, 0x68, 4, 'pressure', 'bar', -3);
put(primary, 0x6c, 'date', '', 'time');
put(primary, 0x6d, 'time-point', '', 'time');
put(primary, 0x6e, 'heat-cost-units', '1', 'signed');
durations(primary, 0x70, 'averaging-duration');
durations(primary, 0x74, 'actuality-duration');
put(primary, 0x78, 'fabrication-number', '', 'id');
put(primary, 0x79, 'identification', '', 'id');
put(primary, 0x7a, 'bus-address', '', 'unsigned');
primary[0x7f] = MANUFACTURER;

const fb: Table = new Array(128);
scaled(fb, 0x00, 2, 'energy', 'Wh', 5);
scaled(fb, 0x02, 2, 'reactive-energy', 'varh', 3);
scaled(fb, 0x04, 2, 'apparent-energy', 'VAh', 3);
scaled(fb, 0x08, 2, 'energy', 'J', 8);
scaled(fb, 0x0c, 4, 'energy', 'cal', 5);
scaled(fb, 0x10, 2, 'volume', 'm3', 2);
scaled(fb, 0x14, 4, 'reactive-power', 'var', 0);
scaled(fb, 0x18, 2, 'mass', 'kg', 5);
scaled(fb, 0x1a, 2, 'relative-humidity', '%', -1);
scaled(fb, 0x20, 1, 'volume', 'ft3', 0);
scaled(fb, 0x21, 1, 'volume', 'ft3', -1);
// 22 to 26, 58 to 67 and 70 to 73 were American units until 2004 and are reserved since.
scaled(fb, 0x22, 2, 'volume', 'gal', -1);
scaled(fb, 0x24, 1, 'volume-flow', 'gal/min', -3);
scaled(fb, 0x25, 1, 'volume-flow', 'gal/min', 0);
scaled(fb, 0x26, 1, 'volume-flow', 'gal/h', 0);
scaled(fb, 0x28, 2, 'power', 'W', 5);
scaled(fb, 0x2a, 1, 'phase-voltage-to-voltage', '°', -1);
scaled(fb, 0x2b, 1, 'phase-voltage-to-current', '°', -1);
scaled(fb, 0x2c, 4, 'frequency', 'Hz', -3);
scaled(fb, 0x30, 2, 'power', 'J/h', 8);
scaled(fb, 0x34, 4, 'apparent-power', 'VA', 0);
scaled(fb, 0x58, 4, 'flow-temperature', '°F', -3);
scaled(fb, 0x5c, 4, 'return-temperature', '°F', -3);
scaled(fb, 0x60, 4, 'temperature-difference', '°F', -3);
scaled(fb, 0x64, 4, 'temperature', '°F', -3);
scaled(fb, 0x70, 4, 'temperature-limit', '°F', -3);
scaled(fb, 0x74, 4, 'temperature-limit', '°C', -3);
scaled(fb, 0x78, 8, 'maximum-power-sum', 'W', -3);

const fd: Table = new Array(128);
scaled(fd, 0x00, 4, 'credit', 'currency', -3);
scaled(fd, 0x04, 4, 'debit', 'currency', -3);
codes(fd, 0x08, ['access-number', 'device-type', 'manufacturer']);
ids(fd, 0x0b, [
  'parameter-set',
  'model-version',
  'hardware-version',
  'firmware-version',
  'software-version',
  'customer-location',
  'customer',
  'access-code-user',
  'access-code-operator',
  'access-code-system-operator',
  'access-code-developer',
  'password',
]);
codes(fd, 0x17, ['error-flags', 'error-mask']);
ids(fd, 0x19, ['security-key']);
codes(fd, 0x1a, ['digital-output', 'digital-input']);
put(fd, 0x1c, 'baud-rate', 'Bd', 'unsigned');
put(fd, 0x1d, 'response-delay', 'bit times', 'unsigned');
codes(fd, 0x1e, ['retries', 'remote-control']);
codes(fd, 0x20, ['first-storage-number', 'last-storage-number', 'storage-block-size', 'tariff-and-subunit-descriptor']);
durations(fd, 0x24, 'storage-interval');
put(fd, 0x28, 'storage-interval', 'month', 'unsigned');
put(fd, 0x29, 'storage-interval', 'year', 'unsigned');
put(fd, 0x2a, 'operator-specific', '', 'unsigned');
put(fd, 0x2b, 'time-point-second', 's', 'unsigned');
durations(fd, 0x2c, 'duration-since-readout');
durations(fd, 0x30, 'tariff-duration');
// nn = 0 would be seconds; the table puts the start of the tariff there.
put(fd, 0x30, 'tariff-start', '', 'time');
durations(fd, 0x34, 'tariff-period');
put(fd, 0x38, 'tariff-period', 'month', 'unsigned');
put(fd, 0x39, 'tariff-period', 'year', 'unsigned');
put(fd, 0x3a, 'dimensionless', '1', 'signed');
put(fd, 0x3b, 'wireless-container', '', 'bytes');
durations(fd, 0x3c, 'transmission-period');
scaled(fd, 0x40, 16, 'voltage', 'V', -9);
scaled(fd, 0x50, 16, 'current', 'A', -12);
codes(fd, 0x60, [
  'reset-counter',
  'cumulation-counter',
  'control-signal',
  'day-of-week',
  'week-number',
  'day-change-time',
  'parameter-activation-state',
]);
ids(fd, 0x67, ['supplier-information']);
hoursToYears(fd, 0x68, 'duration-since-cumulation');
hoursToYears(fd, 0x6c, 'battery-operating-time');
put(fd, 0x70, 'battery-change', '', 'time');
put(fd, 0x71, 'reception-level', 'dBm', 'signed');
put(fd, 0x72, 'daylight-saving', '', 'bytes');
put(fd, 0x73, 'listening-window', '', 'bytes');
put(fd, 0x74, 'battery-remaining', 'day', 'unsigned');
put(fd, 0x75, 'stop-counter', '', 'unsigned');
put(fd, 0x76, 'manufacturer-container', '', 'bytes');

/** The meaning of a VIF of the primary table; the extension bit does not matter. */
export function primaryMeaning(vif: number): Meaning {
  return primary[vif & 0x7f] ?? RESERVED;
}

/** The meaning of the byte after VIF FB or FD. */
export function extendedMeaning(table: 0xfb | 0xfd, code: number): Meaning {
  return (table === 0xfb ? fb : fd)[code & 0x7f] ?? RESERVED;
}

function scaled(
  table: Table,
  from: number,
  count: number,
  quantity: string,
  unit: string,
  firstExponent: number,
  factor = 1n,
): void {
  for (let n = 0; n < count; n++) {
    table[from + n] = { quantity, unit, exponent: firstExponent + n, factor, form: 'signed' };
  }
}

function durations(table: Table, from: number, quantity: string): void {
  for (const [n, factor] of TIME_UNIT_SECONDS.entries()) {
    table[from + n] = { quantity, unit: 's', exponent: 0, factor, form: 'signed' };
  }
}

/** pp = 0..3: hours, days, months, years; the last two have no fixed length. */
function hoursToYears(table: Table, from: number, quantity: string): void {
  table[from] = { quantity, unit: 's', exponent: 0, factor: 3_600n, form: 'unsigned' };
  table[from + 1] = { quantity, unit: 's', exponent: 0, factor: 86_400n, form: 'unsigned' };
  put(table, from + 2, quantity, 'month', 'unsigned');
  put(table, from + 3, quantity, 'year', 'unsigned');
}

function codes(table: Table, from: number, quantities: readonly string[]): void {
  for (const [n, quantity] of quantities.entries()) put(table, from + n, quantity, '', 'unsigned');
}

function ids(table: Table, from: number, quantities: readonly string[]): void {
  for (const [n, quantity] of quantities.entries()) put(table, from + n, quantity, '', 'id');
}

function put(table: Table, at: number, quantity: string, unit: string, form: Meaning['form']): void {
  table[at] = { quantity, unit, exponent: 0, factor: 1n, form };
}
