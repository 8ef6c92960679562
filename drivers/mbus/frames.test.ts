import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decimalText, equal, parseDecimal, round } from '../../src/core/decimal.ts';
import type { MbusValue } from './data.ts';
import {
  type ExpectedRecord,
  hexFiles,
  type RecordedFrame,
  recordedFrames,
  recordedFramesFolder,
} from './mbus.testkit.ts';
import type { MbusRecord } from './record.ts';
import { decodeTelegram, type MbusTelegram } from './telegram.ts';

/**
 * 38 telegrams of real meters against the decoding that the libmbus project publishes for them, by meaning. Where the published
 * decoding is known to be wrong the difference is named below, so that any other difference fails.
 */
const MEDIA: Record<string, string> = {
  'Breaker: Electricity': 'breaker, electricity',
  'Cold water': 'cold water',
  Electricity: 'electricity',
  Gas: 'gas',
  'Heat / Cooling load meter': 'heat and cooling',
  'Heat Cost Allocator': 'heat cost allocator',
  'Heat: Inlet': 'heat, inlet',
  'Heat: Outlet': 'heat, outlet',
  Heat: 'heat, outlet',
  Oil: 'oil',
  Other: 'other',
  'Warm water (30-90°C)': 'warm water',
  Water: 'water',
};
const FUNCTIONS: Record<string, string> = {
  'Instantaneous value': 'instantaneous',
  'Actual value': 'instantaneous',
  'Maximum value': 'maximum',
  'Minimum value': 'minimum',
  'Value during error state': 'error',
};
const QUANTITIES: Record<string, string> = {
  'Actuality Duration': 'actuality-duration',
  'Averaging Duration': 'averaging-duration',
  Current: 'current',
  'Customer location': 'customer-location',
  'Digital Input': 'digital-input',
  Energy: 'energy',
  'Error flags': 'error-flags',
  'External temperature': 'temperature',
  'Fabrication No': 'fabrication-number',
  'Firmware version': 'firmware-version',
  'Flow temperature': 'flow-temperature',
  'H.C.A.': 'heat-cost-units',
  'Manufacturer specific': 'manufacturer-specific',
  'Model / Version': 'model-version',
  'On time': 'on-time',
  'Operating time': 'operating-time',
  'Parameter set identification': 'parameter-set',
  Power: 'power',
  Reserved: 'reserved',
  'Return temperature': 'return-temperature',
  'Software version': 'software-version',
  'Temperature difference': 'temperature-difference',
  'Time point (date & time)': 'time-point',
  'Time point (date)': 'date',
  Voltage: 'voltage',
  'Volume flow': 'volume-flow',
  Volume: 'volume',
};
const UNITS: Record<string, string> = {
  '-': '',
  'm^3': 'm3',
  'm^3/h': 'm3/h',
  'Units for H.C.A.': '1',
  Reserved: '',
  // The fixed structure's units, told without their prefix here.
  kWh: 'Wh',
  l: 'm3',
};
const PREFIX: Record<string, number> = { kWh: 3, l: -3 };

const INVALID_ZERO_DATE = 'found {"kind":"invalid","reason":"no date set"}';

/** Published decoding against ours, each with why ours is right. */
const KNOWN_DIFFERENCES = [
  // A memory that was never written: month and day 0 are no date.
  `ACW_Itron-BM-plus-m record 2 value: expected 2000-00-00, ${INVALID_ZERO_DATE}`,
  // VIFE 28, dropped there: volume per input pulse, not a volume.
  'EFE_Engelmann-WaterStar record 11 unit: expected m3, found m3/pulse in 0',
  // The invalid bit is set.
  'REL-Relay-Padpuls2 record 1 value: expected 1900-01-00T00:00:00Z, found {"kind":"invalid","reason":"time marked invalid"}',
  // VIFE 50 and 58, dropped there: for how long a limit was exceeded.
  'SEN_Pollustat record 12 quantity: expected volume-flow, found volume-flow-lower-limit-exceed-first-duration',
  'SEN_Pollustat record 12 unit: expected m3/h, found s',
  'SEN_Pollustat record 13 quantity: expected volume-flow, found volume-flow-upper-limit-exceed-first-duration',
  'SEN_Pollustat record 13 unit: expected m3/h, found s',
  'engelmann_sensostar2c record 13 unit: expected m3, found m3/pulse in 0',
  `itron_bm_+m record 2 value: expected 2000-00-00, ${INVALID_ZERO_DATE}`,
  // VIFE 6F, dropped there: when the last maximum ended, a date and time.
  'landis+gyr_ultraheat_t230 record 19 quantity: expected power, found power-last-end',
  'landis+gyr_ultraheat_t230 record 19 unit: expected W, found ',
  `landis+gyr_ultraheat_t230 record 19 value: expected 0.000000, ${INVALID_ZERO_DATE}`,
  'landis+gyr_ultraheat_t230 record 20 quantity: expected volume-flow, found volume-flow-last-end',
  'landis+gyr_ultraheat_t230 record 20 unit: expected m3/h, found ',
  `landis+gyr_ultraheat_t230 record 20 value: expected 0.000000, ${INVALID_ZERO_DATE}`,
  'landis+gyr_ultraheat_t230 record 21 quantity: expected flow-temperature, found flow-temperature-last-end',
  'landis+gyr_ultraheat_t230 record 21 unit: expected °C, found ',
  'landis+gyr_ultraheat_t230 record 21 value: expected 41065374.600000, found 2011-08-26T20:50:00',
  'landis+gyr_ultraheat_t230 record 22 quantity: expected return-temperature, found return-temperature-last-end',
  'landis+gyr_ultraheat_t230 record 22 unit: expected °C, found ',
  'landis+gyr_ultraheat_t230 record 22 value: expected 40953732.300000, found 2011-08-09T11:43:00',
  // Year 127 means every year: the meter's due date.
  'landis+gyr_ultraheat_t230 record 32 value: expected 2027-01-01T00:00:00Z, found *-01-01 00:00:00',
  `siemens_wfh21 record 3 value: expected 2000-00-00, ${INVALID_ZERO_DATE}`,
];

function slaveDifferences({ slave }: RecordedFrame, { header }: MbusTelegram): string[] {
  const different: string[] = [];
  const check = (what: string, expected: string | undefined, found: string | undefined) => {
    if (expected !== undefined && expected !== found) different.push(`${what}: expected ${expected}, found ${found}`);
  };
  check('id', slave.Id?.toLowerCase().padStart(8, '0'), header.id);
  check('manufacturer', slave.Manufacturer, header.manufacturer);
  check('version', slave.Version, String(header.version));
  check('medium', MEDIA[slave.Medium ?? ''] ?? 'not in the table of this test', header.medium);
  check('access number', slave.AccessNumber, String(header.accessNumber));
  check('status', slave.Status, header.status?.toString(16).padStart(2, '0').toUpperCase());
  check('signature', slave.Signature, header.signature?.toString(16).padStart(4, '0').toUpperCase());
  return different;
}

function recordDifferences({ fields }: ExpectedRecord, record: MbusRecord): string[] {
  const different: string[] = [];
  const check = (what: string, expected: string | number | undefined, found: string | number) => {
    if (expected !== found) different.push(`${what}: expected ${expected}, found ${found}`);
  };
  const unit = fields.Unit ?? '';
  const quantity = fields.Quantity;
  check('function', FUNCTIONS[fields.Function ?? ''], record.function);
  check('storage', Number(fields.StorageNumber ?? 0), record.storage);
  check('tariff', Number(fields.Tariff ?? 0), record.tariff);
  check('subunit', Number(fields.Device ?? 0), record.subunit);
  if (record.quantity === 'plain-text') check('unit text', quantity, record.unit);
  else {
    if (quantity !== undefined) check('quantity', QUANTITIES[quantity], record.quantity);
    check('unit', UNITS[unit] ?? unit, record.unit);
  }
  const valueFault = valueDifference(fields.Value ?? '', PREFIX[unit] ?? 0, record);
  if (valueFault) different.push(valueFault);
  return different;
}

/** Real numbers of 32 bits are told by libmbus in six decimals of the double, here by the shortest text that is the same single. */
function valueDifference(expected: string, prefix: number, { value, raw }: MbusRecord): string | undefined {
  const wrong = `value: expected ${expected}, found ${valueText(value)}`;
  // Ids, which are told there as numbers without their leading zeros.
  if (value.kind === 'text' && /^\d+$/.test(value.text) && Number(value.text) === Number(expected)) return undefined;
  if (value.kind !== 'number') return valueText(value) === expected.replace(/Z$/, '') ? undefined : wrong;
  if (!/^-?\d+(\.\d+)?$/.test(expected)) return wrong;
  const { coefficient, exponent } = parseDecimal(expected);
  const wanted = { coefficient, exponent: exponent + prefix };
  if (Number.parseInt(raw[1] ?? '', 16) === 5) {
    const [a, b] = [Number(decimalText(wanted)), Number(decimalText(value.number))];
    return Math.abs(a - b) <= 1e-6 + Math.abs(a) * 2 ** -23 ? undefined : wrong;
  }
  return equal(wanted, round(value.number, 6)) ? undefined : wrong;
}

function valueText(value: MbusValue): string {
  switch (value.kind) {
    case 'number':
      return decimalText(value.number);
    case 'time': {
      const { year, month, day, hour, minute, second } = value.local;
      const two = (n: number) => String(n).padStart(2, '0');
      const date = `${year}-${two(month)}-${two(day)}`;
      return value.precision === 'day' ? date : `${date}T${two(hour)}:${two(minute)}:${two(second)}`;
    }
    case 'text':
    case 'periodic':
      return value.text;
    case 'bytes':
    case 'invalid':
    case 'none':
    case 'time-of-day':
      return JSON.stringify(value);
  }
}

function differences(frame: RecordedFrame, telegram: MbusTelegram): string[] {
  const isData = ({ fields }: ExpectedRecord) =>
    fields.Function !== 'Manufacturer specific' && fields.Function !== 'More records follow';
  const expected = frame.records.filter(isData);
  const different = slaveDifferences(frame, telegram);
  if (expected.length !== telegram.records.length) {
    different.push(`${expected.length} records expected, ${telegram.records.length} found`);
  }
  for (const [n, record] of telegram.records.entries()) {
    const at = expected[n];
    if (at) different.push(...recordDifferences(at, record).map((text) => `record ${n} ${text}`));
  }
  const more = frame.records.some(({ fields }) => fields.Function === 'More records follow');
  if (more !== telegram.moreFollows) different.push(`more follows: expected ${more}`);
  return different.map((text) => `${frame.name} ${text}`);
}

describe.skipIf(!recordedFramesFolder)('recorded frames', () => {
  const folder = recordedFramesFolder ?? '';

  it('are decoded as their meters mean them', () => {
    const frames = recordedFrames(folder);
    const refused: string[] = [];
    const different: string[] = [];
    for (const frame of frames) {
      const decoded = decodeTelegram(frame.bytes);
      if (decoded.ok) different.push(...differences(frame, decoded.telegram));
      else refused.push(`${frame.name}: ${decoded.failure.code}, ${decoded.failure.detail}`);
    }
    console.log(`recorded M-Bus frames: ${frames.length - refused.length} decoded, ${refused.length} refused`, refused);
    expect(frames).toHaveLength(38);
    expect(refused).toEqual([]);
    expect(different).toEqual(KNOWN_DIFFERENCES);
  });

  it('that are damaged are refused by name', () => {
    const codes = Object.fromEntries(
      hexFiles(join(folder, 'error-frames')).map(({ name, bytes }) => {
        const decoded = decodeTelegram(bytes);
        return [name, decoded.ok ? 'decoded' : decoded.failure.code];
      }),
    );
    console.log('damaged M-Bus frames refused:', codes);
    expect(codes).toEqual({
      application_busy: 'device-busy',
      error: 'device-exception',
      premature_end_of_data2: 'frame-length',
      premature_end_of_dif2: 'frame-length',
      premature_end_of_var_vif1: 'frame-length',
      too_long_var_vif: 'frame-length',
      too_many_difes: 'device-exception',
      too_many_records: 'device-exception',
      too_many_vifes: 'device-exception',
      unimplemented_ci: 'device-exception',
    });
  });
});

describe.runIf(!recordedFramesFolder)('recorded frames', () => {
  it.skip('skipped: no folder ../shared/mbus-frames beside the project (ODECET_SHARED names another place)', () => {});
});
