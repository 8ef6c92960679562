import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Decimal, decimal, decimalText, multiply, parseDecimal } from '../../src/core/decimal.ts';
import { MODBUS_NUMBERS, type ModbusOrder } from '../../src/device/model.ts';
import { encodeNumber, fromHex, wordBytes } from './meter.testkit.ts';
import { decodeNumber, type ModbusNumber, type NumberFormat } from './numbers.ts';

function format(type: ModbusNumber, rest: Partial<NumberFormat> = {}): NumberFormat {
  return { type, words: 'high-first', bytes: 'high-first', factor: parseDecimal('1'), unavailable: [], ...rest };
}

function text(hex: string, type: ModbusNumber, rest: Partial<NumberFormat> = {}): string {
  const decoded = decodeNumber(fromHex(hex), format(type, rest));
  return decoded.kind === 'value' ? decimalText(decoded.value) : decoded.why;
}

const BITS: Record<string, bigint> = { '16': 16n, '32': 32n, '48': 48n, '64': 64n };
const ORDERS: readonly (ModbusOrder & { readonly name: string })[] = [
  { name: 'ABCD', words: 'high-first', bytes: 'high-first' },
  { name: 'CDAB', words: 'low-first', bytes: 'high-first' },
  { name: 'BADC', words: 'high-first', bytes: 'low-first' },
  { name: 'DCBA', words: 'low-first', bytes: 'low-first' },
];

/** Every value that a type can hold, as the exact decimal. */
function valuesOf(type: ModbusNumber): fc.Arbitrary<Decimal> {
  const bits = BITS[type.slice(-2)]!;
  if (type.startsWith('u')) return fc.bigInt(0n, 2n ** bits - 1n).map((value) => decimal(value));
  if (type.startsWith('s'))
    return fc.bigInt(-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n).map((value) => decimal(value));
  if (type.startsWith('b')) return fc.bigInt(0n, 10n ** (bits / 4n) - 1n).map((value) => decimal(value));
  // Decimals of up to 6 and 15 digits survive single and double precision unchanged.
  const digits = type === 'f32' ? 6n : 15n;
  return fc
    .tuple(fc.bigInt(-(10n ** digits) + 1n, 10n ** digits - 1n), fc.integer({ min: -6, max: 3 }))
    .map(([coefficient, exponent]) => decimal(coefficient, exponent));
}

describe('numbers', () => {
  test.each(MODBUS_NUMBERS.flatMap((type) => ORDERS.map((order) => [type, order.name, order] as const)))(
    '%s %s: what a meter writes is read back exactly, times any factor',
    (type, _name, { words, bytes }) => {
      fc.assert(
        fc.property(valuesOf(type), fc.constantFrom('1', '0.01', '10', '0.125'), (value, factorText) => {
          const factor = parseDecimal(factorText);
          const decoded = decodeNumber(
            wordBytes(encodeNumber(value, type, { words, bytes })),
            format(type, { words, bytes, factor }),
          );
          if (decoded.kind === 'invalid') throw new Error(decoded.why);
          const expected = multiply(value, factor);
          expect(Number(decimalText(decoded.value))).toBe(Number(decimalText(expected)));
          if (!type.startsWith('f')) expect(decimalText(decoded.value)).toBe(decimalText(expected));
        }),
      );
    },
  );

  test.each([
    // Eastron SDM630 protocol document, which prints it as 230.2; that would be 43663333.
    ['43663334', 'f32', '230.20001'],
    ['43663333', 'f32', '230.2'],
    ['3dcccccd', 'f32', '0.1'],
    ['80000000', 'f32', '0'],
    ['3fb999999999999a', 'f64', '0.1'],
    ['ffffffffffffffff', 'u64', '18446744073709551615'],
    ['8000000000000000', 's64', '-9223372036854775808'],
    ['ffff', 's16', '-1'],
    ['00012345', 'bcd32', '12345'],
  ] as const)('%s as %s is %s', (hex, type, expected) => {
    expect(text(hex, type)).toBe(expected);
  });

  test('low word first turns the registers, not their bytes', () => {
    expect(text('33334366', 'f32', { words: 'low-first' })).toBe('230.2');
    expect(text('0004000300020001', 'u64', { words: 'low-first' })).toBe(String(0x0001000200030004n));
  });

  test('the four orders of bytes by the letters that makers print', () => {
    const letters = { ABCD: '00010203', CDAB: '02030001', BADC: '01000302', DCBA: '03020100' };
    for (const { name, ...order } of ORDERS)
      expect(text(letters[name as keyof typeof letters], 'u32', order)).toBe('66051');
  });

  test('a residual is added to its value, in the same order', () => {
    const residual = { type: 'u16', factor: parseDecimal('0.01') } as const;
    expect(text('0000000c 0043', 'u32', { residual })).toBe('12.67');
    expect(text('000c0000 0043', 'u32', { residual, words: 'low-first' })).toBe('12.67');
    expect(text('0c000000 4300', 'u32', { residual, words: 'low-first', bytes: 'low-first' })).toBe('12.67');
    expect(text('0000000c 0064', 'u32', { residual })).toContain('a whole step or more');
    expect(text('ffffffff 0001', 'u32', { residual, unavailable: ['ffffffff'] })).toContain('not available');
  });

  test('the counters of all tariffs are summed, and one that is not available spoils the sum', () => {
    expect(text('0000000c 00000003', 'u32', { tariffs: 2, factor: parseDecimal('0.1') })).toBe('1.5');
    expect(text('4059000000000000 3fe0000000000000', 'f64', { tariffs: 2 })).toBe('100.5');
    expect(text('0000000c ffffffff', 'u32', { tariffs: 2, unavailable: ['ffffffff'] })).toContain('not available');
  });

  test('the factor is applied exactly and keeps the known decimals', () => {
    expect(text('000186a0', 'u32', { factor: parseDecimal('0.01') })).toBe('1000.00');
    expect(text('3dcccccd', 'f32', { factor: parseDecimal('0.001') })).toBe('0.0001');
  });

  test.each([
    ['7fc00000', 'f32', 'NaN'],
    ['ff800000', 'f32', '-Infinity'],
    ['7ff0000000000000', 'f64', 'Infinity'],
    ['000a', 'bcd16', 'not BCD'],
  ] as const)('%s as %s is no value', (hex, type, why) => {
    expect(text(hex, type)).toContain(why);
  });

  test('a pattern for "not available" is written high word first whatever the order on the wire', () => {
    const unavailable = ['7fffffff'];
    expect(text('7fffffff', 's32', { unavailable })).toContain('not available');
    expect(text('ffff7fff', 's32', { unavailable, words: 'low-first' })).toContain('not available');
    expect(text('7fffffff', 's32', { unavailable, words: 'low-first' })).toBe(String(0xffff7fff - 2 ** 32));
  });
});
