import { describe, expect, test } from 'vitest';
import { decimal, decimalText } from '../../src/core/decimal.ts';
import type { ReadResult } from '../../src/core/driver.ts';
import { HOUR_MS, parseUtc, type UtcMs } from '../../src/core/time.ts';
import { modbusDriver } from './index.ts';
import { converse, encodeNumber, encodeTime, modbusDevice, RegisterMeter } from './meter.testkit.ts';

/** An archive behind a selector: write a record's number, then read the window. The number 0xffff stands for the newest. */
const SELECTOR = 0x8900;
const WINDOW = 0x8910;
const REGISTERS = 10;
const NOW = parseUtc('2026-11-21T12:20:00Z');
const NEWEST = parseUtc('2026-11-21T12:00:00Z');
const NUMBER = 4711;

const MODEL = {
  readings: [
    {
      quantity: 'energy.active.import',
      unit: 'kWh',
      kind: 'counter',
      modbus: { table: 'holding', address: 0, type: 'u32' },
    },
  ],
  medium: 'electricity',
  archive: {
    pattern: 'selector',
    select: { address: SELECTOR, function: 16, newest: 0xffff },
    window: { table: 'holding', address: WINDOW, registers: REGISTERS },
    older: { offset: 0 },
    records: 1_000,
    usable: { offset: 7, is: [0] },
    stamp: { offset: 4, type: 'local-bcd3' },
    values: [{ quantity: 'energy.active.import', unit: 'kWh', offset: 8, type: 'u32', factor: '0.1' }],
  },
};
const indexAt = (at: UtcMs): bigint => BigInt(Math.floor(at / HOUR_MS)) % 100_000_000n;

interface Quirks {
  /** The number of the record that many hours before the newest. */
  readonly numberOf?: (age: number) => number;
  readonly count?: number;
  readonly state?: (age: number) => number;
  /** The window still shows what was selected before. */
  readonly lags?: boolean;
}

function meterWith({ numberOf = (age) => NUMBER - age, count = 500, state = () => 0, lags = false }: Quirks = {}) {
  const meter = new RegisterMeter();
  const ages = new Map(Array.from({ length: count }, (_, age) => [numberOf(age), age]));
  const show = (age: number): void => {
    const at = NEWEST - age * HOUR_MS;
    meter.write('holding', WINDOW, Array<number>(REGISTERS).fill(0));
    meter.write('holding', WINDOW, [numberOf(age + 1)]);
    meter.write('holding', WINDOW + 4, encodeTime(at, 'local-bcd3'));
    meter.write('holding', WINDOW + 7, [state(age), ...encodeNumber(decimal(indexAt(at)), 'u32')]);
  };
  let before = 0;
  show(0);
  meter.onWrite = (address, value) => {
    if (address !== SELECTOR) throw new Error(`register ${address} was written`);
    const age = value === 0xffff ? 0 : (ages.get(value) ?? 0);
    show(lags ? before : age);
    before = age;
  };
  return meter;
}

function read(meter: RegisterMeter, from: UtcMs, to: UtcMs, model: Record<string, unknown> = MODEL) {
  const session = modbusDriver.session(modbusDevice(model), { want: 'archive', now: NOW, from, to });
  const { end, requests } = converse(session, (frame) => meter.rtu(frame));
  if (end.kind !== 'read') throw new Error(JSON.stringify(end));
  return { result: end.result, requests, hours: hoursOf(end.result) };
}

/** How many hours before the newest each value is, and that it is the value of that hour. */
function hoursOf({ values }: ReadResult): number[] {
  return values.map(({ storedAt, value }) => {
    expect(decimalText(value)).toBe(decimalText(decimal(indexAt(storedAt!), -1)));
    return (NEWEST - storedAt!) / HOUR_MS;
  });
}
const hoursBack = (hours: number): UtcMs => NEWEST - hours * HOUR_MS;

describe('archive behind a selector', () => {
  test('the newest is one write and one read', () => {
    const { requests, hours } = read(meterWith(), NEWEST, NEWEST);
    expect(requests).toEqual(['write 35072:=65535', 'holding 35088+10']);
    expect(hours).toEqual([0]);
  });

  test('the ones before it by the numbers that the windows tell', () => {
    const { requests, hours } = read(meterWith(), hoursBack(2), NEWEST);
    expect(hours).toEqual([0, 1, 2]);
    expect(requests.filter((request) => request.startsWith('write'))).toEqual([
      'write 35072:=65535',
      'write 35072:=4710',
      'write 35072:=4709',
    ]);
  });

  test('far back without walking there', () => {
    const { requests, hours } = read(meterWith(), hoursBack(302), hoursBack(300));
    expect(hours).toEqual([300, 301, 302]);
    expect(requests.length).toBeLessThan(16);
  });

  test('numbers that rise with age, or that do not follow each other', () => {
    expect(read(meterWith({ numberOf: (age) => 100 + 3 * age }), hoursBack(41), hoursBack(40)).hours).toEqual([40, 41]);
    const scattered = (age: number): number => (age * 7919 + 12) % 10_007;
    expect(read(meterWith({ numberOf: scattered }), hoursBack(1), NEWEST).hours).toEqual([0, 1]);
  });

  test('a record that the meter marks is told, not used', () => {
    const { hours, result } = read(meterWith({ state: (age) => (age === 1 ? 2 : 0) }), hoursBack(2), NEWEST);
    expect(hours).toEqual([0, 2]);
    expect(result.unusable).toMatchObject([{ detail: expect.stringContaining('marked the record with 2') }]);
  });

  test('a window that lags behind gives no value under a wrong instant', () => {
    const { hours } = read(meterWith({ lags: true }), hoursBack(3), NEWEST);
    expect(hours.length).toBeLessThan(4);
  });

  test('a single record ends the search', () => {
    const alone = meterWith({ numberOf: (age) => (age === 0 ? 5 : 0xffff), count: 1 });
    expect(read(alone, hoursBack(10), NEWEST).hours).toEqual([0]);
  });

  test('function 6 where the device file says so', () => {
    const { archive } = MODEL;
    const six = { ...MODEL, archive: { ...archive, select: { ...archive.select, function: 6 } } };
    expect(read(meterWith(), NEWEST, NEWEST, six).requests[0]).toBe('write 35072:=65535');
  });

  test.each([
    ['refuses the write', (pdu: Uint8Array) => Uint8Array.of(pdu[0]! | 0x80, 2), 'device-exception'],
    ['echoes another number', (pdu: Uint8Array) => pdu.slice(0, 5).with(2, pdu[2]! ^ 1), 'foreign-answer'],
  ])('a meter that %s ends the dialogue: no window is read as if it had been selected', (_what, answer, code) => {
    const meter = meterWith();
    const good = meter.answerPdu.bind(meter);
    meter.answerPdu = (pdu) => (pdu[0] === 16 ? answer(pdu) : good(pdu));
    const session = modbusDriver.session(modbusDevice(MODEL), { want: 'archive', now: NOW, from: NEWEST, to: NEWEST });
    const { end, requests } = converse(session, (frame) => meter.rtu(frame));
    expect(end).toMatchObject({ kind: 'missed', failure: { code } });
    expect(requests).toHaveLength(1);
  });

  test('a current reading writes nothing', () => {
    const meter = meterWith();
    meter.write('holding', 0, [0, 1]);
    const session = modbusDriver.session(modbusDevice(MODEL), { want: 'current', now: NOW });
    expect(converse(session, (frame) => meter.rtu(frame)).requests).toEqual(['holding 0+2']);
  });

  test('a window beyond one request is refused before a byte is sent', () => {
    const device = modbusDevice({ ...MODEL, modbus: { registersMax: 9 } });
    expect(() => modbusDriver.session(device, { want: 'archive', now: NOW, from: NEWEST, to: NEWEST })).toThrow(
      RangeError,
    );
  });
});
