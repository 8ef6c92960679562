import { describe, expect, test } from 'vitest';
import { decimalText, parseDecimal } from '../../src/core/decimal.ts';
import type { ReadResult } from '../../src/core/driver.ts';
import { HOUR_MS, isoUtc, parseUtc } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { modbusDriver } from './index.ts';
import { converse, encodeNumber, encodeTime, modbusDevice, RegisterMeter } from './meter.testkit.ts';

const NOW = parseUtc('2026-11-21T12:00:20Z');
const HOUR = parseUtc('2026-11-21T12:00:00Z');

/** A corrector that shows its index, and the one of the last full hour with its stamp, in a block that the site places. */
const MODEL = {
  blocks: { live: 'present values' },
  identity: { modbus: { table: 'holding', block: 'live', offset: 20, type: 'u32' } },
  meterClock: { modbus: { table: 'holding', block: 'live', offset: 0, type: 'local-bcd3' } },
  readings: [
    {
      quantity: 'volume.base',
      unit: 'm3',
      kind: 'counter',
      modbus: { table: 'holding', block: 'live', offset: 3, type: 'f64', unavailable: ['ffffffffffffffff'] },
    },
    {
      quantity: 'volume.base.total',
      unit: 'm3',
      kind: 'counter',
      modbus: { table: 'holding', block: 'live', offset: 10, type: 'u32', factor: '0.01' },
      stamp: { modbus: { table: 'holding', block: 'live', offset: 7, type: 'local-bcd3' } },
    },
  ],
};
const BASE = 4000;

function corrector(): RegisterMeter {
  const meter = new RegisterMeter();
  meter.write('holding', BASE, encodeTime(NOW - 5_000, 'local-bcd3'));
  meter.write('holding', BASE + 3, encodeNumber(parseDecimal('1234.5'), 'f64'));
  meter.write('holding', BASE + 7, encodeTime(HOUR, 'local-bcd3'));
  meter.write('holding', BASE + 10, encodeNumber(parseDecimal('123407'), 'u32'));
  meter.write('holding', BASE + 20, encodeNumber(parseDecimal('12003456'), 'u32'));
  return meter;
}

function read(
  device: BoundDevice,
  meter: RegisterMeter,
  now = NOW,
): { result: ReadResult; requests: readonly string[] } {
  const session = modbusDriver.session(device, { want: 'current', now });
  const { end, requests } = converse(session, (frame) => meter.answer(frame, device.framing));
  if (end.kind !== 'read') throw new Error(JSON.stringify(end));
  return { result: end.result, requests };
}
const told = ({ values }: ReadResult): string[] =>
  values.map(
    (one) => `${one.quantity} ${decimalText(one.value)} ${one.unit} ${one.storedAt ? isoUtc(one.storedAt) : 'now'}`,
  );
const codes = ({ unusable }: ReadResult): string[] => unusable.map(({ code }) => code);

describe('current reading', () => {
  test.each(['modbus-rtu', 'modbus-ascii', 'modbus-tcp'] as const)(
    '%s: values, serial and clock in two requests',
    (framing) => {
      const { result, requests } = read(modbusDevice(MODEL, { blocks: { live: BASE } }, framing), corrector());
      expect(requests).toEqual(['holding 4000+12', 'holding 4020+2']);
      expect(told(result)).toEqual(['volume.base 1234.5 m3 now', 'volume.base.total 1234.07 m3 2026-11-21T12:00:00Z']);
      expect(result.identity).toEqual({ serial: '12003456' });
      expect(result.clock).toBe(NOW - 5_000);
      expect(result.unusable).toEqual([]);
      expect(result.values.map(({ raw }) => raw)).toEqual(['40934a0000000000', '0001e20f261121130000']);
    },
  );

  test('holeMax from the device file makes it one request', () => {
    const meter = corrector();
    meter.write('holding', BASE + 12, Array<number>(8).fill(0));
    const device = modbusDevice({ ...MODEL, modbus: { holeMax: 8 } }, { blocks: { live: BASE } });
    expect(read(device, meter).requests).toEqual(['holding 4000+22']);
  });

  test("the site's word order holds for every number of the device", () => {
    const meter = corrector();
    meter.write('holding', BASE + 3, encodeNumber(parseDecimal('1234.5'), 'f64', { words: 'low-first' }));
    meter.write('holding', BASE + 10, encodeNumber(parseDecimal('123407'), 'u32', { words: 'low-first' }));
    const { result } = read(modbusDevice(MODEL, { blocks: { live: BASE }, words: 'low-first' }), meter);
    expect(told(result)).toEqual(['volume.base 1234.5 m3 now', 'volume.base.total 1234.07 m3 2026-11-21T12:00:00Z']);
  });

  test.each([
    ['in the future', encodeTime(HOUR + 2 * HOUR_MS, 'local-bcd3')],
    ['off the quarter', encodeTime(HOUR - 60_000, 'local-bcd3')],
    ['no time at all', [0xffff, 0xffff, 0xffff]],
  ])('a frozen index with a stamp %s is told, not used', (_what, words) => {
    const meter = corrector();
    meter.write('holding', BASE + 7, words);
    const { result } = read(modbusDevice(MODEL, { blocks: { live: BASE } }), meter);
    expect(told(result)).toEqual(['volume.base 1234.5 m3 now']);
    expect(codes(result)).toEqual(['clock-not-credible']);
  });

  test.each([
    ['2026-10-25T00:00:20Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25T00:49:59Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25T00:59:59Z', undefined],
    ['2026-10-25T01:00:20Z', undefined],
    ['2026-10-25T01:02:00Z', '2026-10-25T01:00:00Z'],
    ['2026-10-25T01:59:59Z', '2026-10-25T01:00:00Z'],
  ])('the doubled autumn hour read at %s is %s', (now, at) => {
    const meter = corrector();
    meter.write('holding', BASE + 7, encodeTime(parseUtc('2026-10-25T01:00:00Z'), 'local-bcd3'));
    const { result } = read(modbusDevice(MODEL, { blocks: { live: BASE } }), meter, parseUtc(now));
    const frozen = result.values.find(({ storedAt }) => storedAt !== undefined);
    expect(frozen?.storedAt).toBe(at && parseUtc(at));
    expect(codes(result)).toEqual(at === undefined ? ['clock-not-credible'] : []);
  });

  test.each([14_000, 0, -14_000])('a clock that is off by %i ms is so in both of the doubled hours', (offMs) => {
    for (const now of [
      '2026-10-25T00:00:20Z',
      '2026-10-25T00:30:00Z',
      '2026-10-25T01:00:20Z',
      '2026-10-25T01:30:00Z',
    ]) {
      const meter = corrector();
      meter.write('holding', BASE, encodeTime(parseUtc(now) + offMs, 'local-bcd3'));
      const { result } = read(modbusDevice(MODEL, { blocks: { live: BASE } }), meter, parseUtc(now));
      expect(result.clock && result.clock - parseUtc(now)).toBe(offMs);
    }
  });

  test('"not available", NaN, and a clock and serial that cannot be are told', () => {
    const meter = corrector();
    meter.write('holding', BASE, [0xffff, 0xffff, 0xffff]);
    meter.write('holding', BASE + 3, [0xffff, 0xffff, 0xffff, 0xffff]);
    const model = { ...MODEL, identity: { modbus: { ...MODEL.identity.modbus, type: 'bcd32' } } };
    const { result } = read(modbusDevice(model, { blocks: { live: BASE } }), meter);
    expect(told(result)).toEqual(['volume.base.total 1234.07 m3 2026-11-21T12:00:00Z']);
    expect(codes(result)).toEqual(['value-invalid', 'value-invalid', 'clock-not-credible']);
    expect(result.identity).toEqual({});
    expect(result.clock).toBeUndefined();
  });

  test('a clock that is named and cannot be read marks what carries a stamp, and nothing else', () => {
    const meter = corrector();
    const flagsOf = (): string[] =>
      read(modbusDevice(MODEL, { blocks: { live: BASE } }), meter).result.values.map(
        ({ quantity, flags }) => `${quantity} ${flags.join()}`,
      );
    expect(flagsOf()).toEqual(['volume.base ', 'volume.base.total ']);
    meter.write('holding', BASE, [0xffff, 0xffff, 0xffff]);
    expect(flagsOf()).toEqual(['volume.base ', 'volume.base.total clock-invalid']);
  });

  test('an index whose stamp stands too far away is used only while the stamp stays', () => {
    const far = { ...MODEL.readings[1]!, stamp: { modbus: { table: 'holding', address: 100, type: 'local-bcd3' } } };
    const device = modbusDevice({ readings: [far] }, { blocks: { live: BASE } });
    const meter = corrector();
    meter.write('holding', 100, encodeTime(HOUR, 'local-bcd3'));
    expect(told(read(device, meter).result)).toEqual(['volume.base.total 1234.07 m3 2026-11-21T12:00:00Z']);

    const session = modbusDriver.session(device, { want: 'current', now: NOW });
    let asked = 0;
    const { end } = converse(session, (frame) => {
      if (++asked === 2) meter.write('holding', 100, encodeTime(HOUR + HOUR_MS, 'local-bcd3'));
      return meter.rtu(frame);
    });
    expect(end).toMatchObject({ kind: 'read', result: { values: [], unusable: [{ code: 'value-invalid' }] } });
  });
});

describe('status bits', () => {
  const flags = [
    { flag: 'alarm', modbus: { table: 'coil', address: 3 } },
    { flag: 'alarm', modbus: { table: 'discrete', address: 9 } },
    { flag: 'low-battery', modbus: { table: 'holding', block: 'live', offset: 12, bit: 15 } },
  ];
  const device = modbusDevice({ ...MODEL, flags }, { blocks: { live: BASE } });
  function flagsWith(coil: number, discrete: number, register: number): unknown {
    const meter = corrector();
    meter.write('coil', 3, [coil]);
    meter.write('discrete', 9, [discrete]);
    meter.write('holding', BASE + 12, [register]);
    const { result, requests } = read(device, meter);
    expect(requests).toEqual(['coil 3+1', 'discrete 9+1', 'holding 4000+13', 'holding 4020+2']);
    return result.values.map((value) => value.flags);
  }

  test('a set bit flags every value, each flag once', () => {
    expect(flagsWith(0, 0, 0)).toEqual([[], []]);
    expect(flagsWith(1, 0, 0)).toEqual([['alarm'], ['alarm']]);
    expect(flagsWith(1, 1, 0x8000)).toEqual([
      ['alarm', 'low-battery'],
      ['alarm', 'low-battery'],
    ]);
    expect(flagsWith(0, 0, 0x7fff)).toEqual([[], []]);
  });
});

test('one value per request, where the meter wants it so, with the stamps before and after', () => {
  const device = modbusDevice({ ...MODEL, modbus: { quirks: ['one-value-per-request'] } }, { blocks: { live: BASE } });
  const { result, requests } = read(device, corrector());
  expect(requests).toEqual(
    ['4007+3', '4003+4', '4010+2', '4020+2', '4000+3', '4007+3'].map((each) => `holding ${each}`),
  );
  expect(told(result)).toEqual(['volume.base 1234.5 m3 now', 'volume.base.total 1234.07 m3 2026-11-21T12:00:00Z']);
});

test('a value and its residual are never parted', () => {
  const reading = {
    quantity: 'energy.active.import',
    unit: 'kWh',
    kind: 'counter',
    modbus: { table: 'holding', address: 10, type: 'u32', residual: { type: 'u16', factor: '0.01' } },
  };
  const meter = new RegisterMeter();
  meter.write('holding', 10, [1, 0, 7]);
  const { result, requests } = read(modbusDevice({ readings: [reading], modbus: { registersMax: 3 } }), meter);
  expect(requests).toEqual(['holding 10+3']);
  expect(decimalText(result.values[0]!.value)).toBe('65536.07');
  expect(result.values[0]!.raw).toBe('000100000007');
});

describe('what cannot be asked is refused before a byte is sent', () => {
  const value = { quantity: 'pressure', unit: 'bar', kind: 'instantaneous' };
  const place = { table: 'input', address: 0, type: 'f32' };
  test.each([
    ['a block the site did not place', MODEL, {}, 'modbus-rtu'],
    ['no archive', MODEL, { blocks: { live: BASE } }, 'archive'],
    ['a line for M-Bus', MODEL, { blocks: { live: BASE } }, 'mbus'],
    ['the broadcast address', MODEL, { blocks: { live: BASE }, address: 0 }, 'modbus-rtu'],
    ['a reading without a place', { readings: [value] }, {}, 'modbus-rtu'],
    [
      'a reading that is a time',
      { readings: [{ ...value, modbus: { ...place, type: 'unix-u32' } }] },
      {},
      'modbus-rtu',
    ],
    [
      'a stamp that is a number',
      { readings: [{ ...value, modbus: place, stamp: { modbus: place } }] },
      {},
      'modbus-rtu',
    ],
    ['a stamp without a place', { readings: [{ ...value, modbus: place, stamp: {} }] }, {}, 'modbus-rtu'],
    [
      'a pattern of the wrong length',
      { readings: [{ ...value, modbus: { ...place, unavailable: ['ffff'] } }] },
      {},
      'modbus-rtu',
    ],
    ['registers beyond the last', { readings: [{ ...value, modbus: { ...place, address: 65535 } }] }, {}, 'modbus-rtu'],
  ] as const)('%s', (_what, model, config, how) => {
    const device = modbusDevice(model, config, how === 'mbus' ? 'mbus' : 'modbus-rtu');
    const request =
      how === 'archive' ? { want: 'archive' as const, from: HOUR, to: HOUR } : { want: 'current' as const };
    expect(() => modbusDriver.session(device, { ...request, now: NOW })).toThrow(RangeError);
  });
});
