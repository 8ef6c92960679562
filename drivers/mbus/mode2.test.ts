import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/core/decimal.ts';
import * as sim from '../../src/sim/meter/mbus-encode.ts';
import { longFrame } from './frame.ts';
import { isBusy, statusFlags } from './header.ts';
import { identify } from './identify.ts';
import { unhex } from './mbus.testkit.ts';
import { decodeTelegram, type MbusTelegram } from './telegram.ts';

/** Structures of EN 1434-3:1997 that EN 13757-3 no longer has: the fixed one, and the high byte first (mode 2, CI 76 and 77). */

function telegram(ci: number, data: string): MbusTelegram {
  const decoded = decodeTelegram(longFrame(0x08, 5, ci, unhex(data)));
  if (!decoded.ok) throw new Error(`${decoded.failure.code}: ${decoded.failure.detail}`);
  return decoded.telegram;
}

function refusal(ci: number, data: string): string {
  const decoded = decodeTelegram(longFrame(0x08, 5, ci, unhex(data)));
  return decoded.ok ? 'decoded' : decoded.failure.code;
}

function values({ records }: MbusTelegram): string[] {
  return records.map(({ value, unit, storage }) =>
    [value.kind === 'number' ? decimalText(value.number) : value.kind, unit, `storage ${storage}`].join(' '),
  );
}

describe('the fixed structure (M-Bus documentation 4.8, clause 6.2)', () => {
  // The example of that clause: id 12345678, access number 10, water, 1 l now and 135 l at the fixed date.
  const EXAMPLE = '78 56 34 12 0a 00 e9 7e 01 00 00 00 35 01 00 00';

  it('in mode 1: the published example', () => {
    const told = telegram(0x73, EXAMPLE);
    expect(told.header).toMatchObject({ id: '12345678', medium: 'water', accessNumber: 10, status: 0 });
    expect(values(told)).toEqual(['0.001 m3 storage 0', '0.135 m3 storage 1']);
  });

  it('status bit 0: both counters are signed binary numbers', () => {
    expect(values(telegram(0x73, EXAMPLE.replace('0a 00', '0a 01')))).toEqual([
      '0.001 m3 storage 0',
      '0.309 m3 storage 1',
    ]);
    const negative = '78 56 34 12 0a 01 e9 7e ff ff ff ff 35 01 00 00';
    expect(values(telegram(0x73, negative))[0]).toBe('-0.001 m3 storage 0');
  });

  it('status bit 1: both counters stood so at the fixed date', () => {
    expect(values(telegram(0x73, EXAMPLE.replace('0a 00', '0a 02')))).toEqual([
      '0.001 m3 storage 1',
      '0.135 m3 storage 1',
    ]);
  });

  it("status bits 5 to 7 are the manufacturer's and change nothing", () => {
    expect(values(telegram(0x73, EXAMPLE.replace('0a 00', '0a e0')))).toEqual(values(telegram(0x73, EXAMPLE)));
  });

  it('bits 0 and 1 are no application state, bits 2 to 4 are as ever', () => {
    const { header } = telegram(0x73, EXAMPLE.replace('0a 00', '0a 03'));
    expect([isBusy(header), statusFlags(header)]).toEqual([false, []]);
    expect(isBusy(telegram(0x73, EXAMPLE.replace('0a 00', '0a 01')).header)).toBe(false);
    expect(statusFlags(telegram(0x73, EXAMPLE.replace('0a 00', '0a 1d')).header)).toEqual(['alarm', 'low-battery']);
  });

  it('in mode 2 (CI 77): id and counters high byte first, medium and units as before (clause 8.3.1)', () => {
    const told = telegram(0x77, '12 34 56 78 0a 00 e9 7e 00 00 00 01 00 00 01 35');
    expect(told.header).toMatchObject({ id: '12345678', medium: 'water' });
    expect(values(told)).toEqual(['0.001 m3 storage 0', '0.135 m3 storage 1']);
    expect(told.records[1]?.raw).toBe('00000135');
    expect(values(telegram(0x77, '12 34 56 78 0a 01 e9 7e ff ff ff fe 00 00 01 00'))).toEqual([
      '-0.002 m3 storage 0',
      '0.256 m3 storage 1',
    ]);
  });

  it('has media of its own; a medium of mode 2 goes with CI 77 only', () => {
    expect(telegram(0x73, EXAMPLE.replace('e9 7e', '29 be')).header.medium).toBe('heat cost allocator');
    expect(telegram(0x77, '12 34 56 78 0a 00 a9 be 00 00 00 01 00 00 01 35').header.medium).toBe('gas');
    expect(refusal(0x73, EXAMPLE.replace('e9 7e', 'a9 be'))).toBe('frame-unsupported');
  });
});

describe('variable structure in mode 2 (CI 76): every field high byte first', () => {
  const HEADER = '12 34 56 78 2c 2d 01 03 2a 00 00 00';

  it.each([
    ['BCD', '0c 13 02 85 04 27', '2850.427 m3 storage 0'],
    ['BCD, negative', '0c 13 f0 00 00 27', '-0.027 m3 storage 0'],
    ['integer', '04 13 00 00 01 00', '0.256 m3 storage 0'],
    ['integer of 64 bits', '07 13 ff ff ff ff ff ff ff fe', '-0.002 m3 storage 0'],
    ['real', '05 16 3f 80 00 00', '1 m3 storage 0'],
    ['binary of variable length', '0d 13 e2 01 00', '0.256 m3 storage 0'],
    ['BCD of variable length', '0d 13 c2 12 34', '1.234 m3 storage 0'],
  ])('%s', (_, record, expected) => {
    const told = telegram(0x76, `${HEADER} ${record}`);
    expect(told.header).toMatchObject({ id: '12345678', manufacturer: 'KAM', version: 1, mediumCode: 3 });
    expect(values(told)).toEqual([expected]);
    expect(told.records[0]?.raw).toBe(record.replaceAll(' ', ''));
  });

  it('times, texts and units in text', () => {
    const { records } = telegram(0x76, `${HEADER} 04 6d 33 7c a6 00 0d fd 11 03 41 42 43 01 7c 03 25 52 48 07`);
    expect(records.map(({ value }) => value)).toMatchObject([
      { kind: 'time', summer: true, local: { year: 2027, month: 3, day: 28, hour: 6, minute: 0 } },
      { kind: 'text', text: 'ABC' },
      { kind: 'number' },
    ]);
    expect(records[2]?.unit).toBe('%RH');
  });

  it('turned round it is the telegram of mode 1', () => {
    const turned = (value: bigint) => {
      const { field, bytes } = sim.integer(value, 8);
      const record = (data: readonly number[]) => [field, 0x13, ...data];
      const of = (ci: number, head: string, data: readonly number[]) =>
        decodeTelegram(longFrame(0x08, 1, ci, Uint8Array.from([...unhex(head), ...record(data)])));
      const low = of(0x72, '78 56 34 12 2d 2c 01 03 2a 00 00 00', bytes);
      return [low, of(0x76, HEADER, [...bytes].reverse())].map(
        (each) => each.ok && [each.telegram.header, values(each.telegram)],
      );
    };
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        const [low, high] = turned(value);
        expect(high).toEqual(low);
      }),
    );
  });

  it('is found by a scan under its right id', () => {
    const bytes = longFrame(0x08, 1, 0x76, unhex(`${HEADER} 0c 13 02 85 04 27`));
    expect(identify(bytes, 1)).toMatchObject({ id: '12345678', manufacturer: 'KAM', version: 1 });
    const fixed = longFrame(0x08, 1, 0x77, unhex('12 34 56 78 0a 00 e9 7e 00 00 00 01 00 00 01 35'));
    expect(identify(fixed, 1)).toEqual({ id: '12345678' });
  });

  it('is not opened where it is encrypted', () => {
    expect(refusal(0x76, '12 34 56 78 2c 2d 01 03 2a 00 05 10 00')).toBe('frame-unsupported');
  });
});
