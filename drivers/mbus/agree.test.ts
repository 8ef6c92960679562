import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Decimal, decimal, decimalFromFloat, equal } from '../../src/core/decimal.ts';
import * as sim from '../../src/sim/meter/mbus-encode.ts';
import type { MbusValue } from './data.ts';
import type { MbusRecord } from './record.ts';
import { decodeTelegram } from './telegram.ts';

/** What the simulated meters write, the driver reads: two programs from one standard, neither of which knows the other. */

const IDENTITY = { id: '12345678', manufacturer: 'KAM', version: 1, medium: 3 };

function read(records: readonly (readonly number[])[]): readonly MbusRecord[] {
  const data = [...sim.identityBytes(IDENTITY), 0, 0, 0, 0, ...records.flat()];
  const decoded = decodeTelegram(sim.responseFrame(1, 0x72, data));
  if (!decoded.ok) throw new Error(decoded.failure.detail);
  return decoded.telegram.records;
}

function readValue(plan: sim.RecordPlan): MbusValue {
  return read([sim.record(plan)])[0]!.value;
}

function numberOf(plan: sim.RecordPlan): Decimal {
  const value = readValue(plan);
  if (value.kind !== 'number') throw new Error(value.kind);
  return value.number;
}

const place = fc.record({
  function: fc.constantFrom<0 | 1 | 2 | 3>(0, 1, 2, 3),
  storage: fc.oneof(fc.nat(40), fc.nat(2 ** 31 - 1), fc.integer({ min: 2 ** 33, max: 2 ** 41 - 1 })),
  tariff: fc.oneof(fc.nat(4), fc.nat(2 ** 20 - 1)),
  subunit: fc.oneof(fc.nat(2), fc.nat(1023)),
});
const FUNCTIONS = ['instantaneous', 'maximum', 'minimum', 'error'];

/** VIF bytes and what they stand for: unit, power of ten of the first code. */
const scales = fc.oneof(
  fc.nat(7).map((n) => ({ vif: [n], unit: 'Wh', exponent: n - 3 })),
  fc.nat(7).map((n) => ({ vif: [0x10 + n], unit: 'm3', exponent: n - 6 })),
  fc.nat(7).map((n) => ({ vif: [0x28 + n], unit: 'W', exponent: n - 3 })),
  fc.nat(3).map((n) => ({ vif: [0x68 + n], unit: 'bar', exponent: n - 3 })),
  fc.nat(1).map((n) => ({ vif: [0xfb, n], unit: 'Wh', exponent: n + 5 })),
  fc.nat(1).map((n) => ({ vif: [0xfb, 0x02 + n], unit: 'varh', exponent: n + 3 })),
  fc.nat(15).map((n) => ({ vif: [0xfd, 0x40 + n], unit: 'V', exponent: n - 9 })),
);
/** VIFEs that leave the value alone: phases and directions (table 16), limits, future value. */
const keptVifes = fc.array(fc.constantFrom([0x7c, 0x01], [0x7c, 0x02], [0x3b], [0x3c]), { maxLength: 4 });
const WIDTHS = [1, 2, 3, 4, 6, 8] as const;
/** EN 13757-3:2018 table 5: length codes of binary numbers and the bytes that follow. */
const LONG_BINARIES: [number, number][] = [
  [0xe1, 1],
  [0xe5, 5],
  [0xef, 15],
  [0xf0, 16],
  [0xf3, 28],
  [0xf4, 32],
  [0xf5, 48],
  [0xf6, 64],
];
const DIGITS = [2, 4, 6, 8, 12] as const;

describe('decoder and simulated meters agree on', () => {
  it('where a record stands, its unit and all its VIFEs', () => {
    fc.assert(
      fc.property(place, scales, keptVifes, fc.integer(), (at, { vif, unit, exponent }, vifes, raw) => {
        const all = [...vif, ...vifes.flat()];
        const [found] = read([sim.record({ ...at, vif: all, data: sim.integer(raw, 4) })]);
        expect(found).toMatchObject({ ...at, function: FUNCTIONS[at.function], unit });
        expect(found?.vife).toEqual(vifes.flat().map((code) => code.toString(16).padStart(2, '0')));
        expect(found?.value.kind === 'number' && equal(found.value.number, decimal(raw, exponent))).toBe(true);
      }),
    );
  });

  it('integers of every width', () => {
    const numbers = fc.constantFrom(...WIDTHS).chain((width) => {
      const limit = 2n ** BigInt(8 * width - 1);
      return fc.tuple(fc.constant(width), fc.bigInt({ min: -limit, max: limit - 1n }));
    });
    fc.assert(
      fc.property(numbers, ([width, value]) => {
        expect(numberOf({ vif: [0x13], data: sim.integer(value, width) })).toEqual(decimal(value, -3));
      }),
    );
    const long = fc.constantFrom<[number, number]>(...LONG_BINARIES).chain(([lvar, width]) => {
      const limit = 2n ** BigInt(8 * width - 1);
      return fc.tuple(fc.constant(lvar), fc.constant(width), fc.bigInt({ min: -limit, max: limit - 1n }));
    });
    fc.assert(
      fc.property(long, ([lvar, width, value]) => {
        const pattern = BigInt.asUintN(8 * width, value);
        const bytes = Array.from({ length: width }, (_, n) => Number((pattern >> BigInt(8 * n)) & 0xffn));
        const data = { field: 0xd, bytes: [lvar, ...bytes] };
        expect(numberOf({ vif: [0x13], data })).toEqual(decimal(value, -3));
      }),
    );
  });

  it('BCD of every width, negative too', () => {
    const numbers = fc.constantFrom(...DIGITS).chain((digits) => {
      const most = 10n ** BigInt(digits) - 1n;
      return fc.tuple(fc.constant(digits), fc.bigInt({ min: -(most / 10n), max: most }));
    });
    fc.assert(
      fc.property(numbers, ([digits, value]) => {
        expect(numberOf({ vif: [0x13], data: sim.bcd(value, digits) })).toEqual(decimal(value, -3));
      }),
    );
    const ids = fc.stringMatching(/^[0-9a-f]{8}$/);
    fc.assert(
      fc.property(ids, (id) => {
        const bytes = (id.match(/../g) ?? []).reverse().map((pair) => Number.parseInt(pair, 16));
        expect(readValue({ vif: [0x78], data: { field: 0xc, bytes } })).toEqual({ kind: 'text', text: id });
      }),
    );
    const long = fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n });
    fc.assert(
      fc.property(long, (value) => {
        expect(numberOf({ vif: [0x13], data: sim.variableBcd(value) })).toEqual(decimal(value, -3));
      }),
    );
  });

  it('real numbers', () => {
    fc.assert(
      fc.property(fc.float({ noDefaultInfinity: true, noNaN: true }), (value) => {
        const { coefficient, exponent } = decimalFromFloat(value, 32);
        const expected = decimal(coefficient, exponent - 3);
        expect(equal(numberOf({ vif: [0x28], data: sim.real32(value) }), expected)).toBe(true);
      }),
    );
  });

  it('texts, texts of units and binaries', () => {
    const latin = fc.array(fc.integer({ min: 0x20, max: 0x7e }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(latin, fc.uint8Array({ maxLength: 15 }), (codes, bytes) => {
        const word = String.fromCharCode(...codes);
        expect(readValue({ vif: [0xfd, 0x11], data: sim.text(word) })).toEqual({ kind: 'text', text: word });
        const plan = { vif: [0x7c, 0x3b], text: word, data: sim.integer(7, 1) };
        expect(read([sim.record(plan)])[0]).toMatchObject({ unit: word, vife: ['3b'] });
        const hex = Buffer.from(bytes).toString('hex');
        expect(readValue({ vif: [0xfd, 0x0b], data: sim.binary([...bytes]) })).toEqual({ kind: 'bytes', hex });
      }),
    );
  });

  it('dates and times of types F, G, I and J', () => {
    const date = fc.date({ min: new Date('1981-01-01'), max: new Date('2080-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(date, fc.boolean(), (at, summer) => {
        const local = {
          year: at.getUTCFullYear(),
          month: at.getUTCMonth() + 1,
          day: at.getUTCDate(),
          hour: at.getUTCHours(),
          minute: at.getUTCMinutes(),
          second: at.getUTCSeconds(),
        };
        const time = { ...local, summer };
        const shown = { kind: 'time', summer, local };
        expect(readValue({ vif: [0x6d], data: sim.typeF(time) })).toEqual({
          ...shown,
          precision: 'minute',
          local: { ...local, second: 0 },
        });
        expect(readValue({ vif: [0x6d], data: sim.typeI(time) })).toEqual({ ...shown, precision: 'second' });
        expect(readValue({ vif: [0x6c], data: sim.typeG(time) })).toEqual({
          kind: 'time',
          precision: 'day',
          summer: false,
          local: { ...local, hour: 0, minute: 0, second: 0 },
        });
        const { hour, minute, second } = local;
        expect(readValue({ vif: [0x6d], data: sim.typeJ(time) })).toEqual({
          kind: 'time-of-day',
          hour,
          minute,
          second,
        });
        expect(readValue({ vif: [0x6d], data: sim.typeF(time, false) }).kind).toBe('invalid');
        expect(readValue({ vif: [0x6d], data: sim.typeI(time, false) }).kind).toBe('invalid');
      }),
    );
  });

  it('no data, and several records in their order', () => {
    expect(readValue({ vif: [0x13], data: sim.noData })).toEqual({ kind: 'none' });
    const records = [0, 1, 2, 3].map((storage) => sim.record({ storage, vif: [0x13], data: sim.bcd(storage, 8) }));
    expect(read(records).map(({ storage }) => storage)).toEqual([0, 1, 2, 3]);
  });
});
