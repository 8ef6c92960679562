import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  add,
  compare,
  type Decimal,
  decimal,
  decimalFromFloat,
  decimalText,
  divide,
  equal,
  multiply,
  parseDecimal,
  round,
  shift,
  subtract,
  ZERO,
} from './decimal.ts';

const anyDecimal = fc.record({
  coefficient: fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }),
  exponent: fc.integer({ min: -12, max: 12 }),
});

/** The value scaled to an integer with 40 places, which holds every decimal of these tests exactly. */
function scaled(value: Decimal): bigint {
  return value.coefficient * 10n ** BigInt(value.exponent + 40);
}

describe('text', () => {
  test.each([
    ['0', 0n, 0],
    ['-12.340', -12340n, -3],
    ['+7', 7n, 0],
    ['0012.50', 1250n, -2],
    ['99999999999999999999.001', 99999999999999999999001n, -3],
  ])('%s is read exactly', (text, coefficient, exponent) => {
    expect(parseDecimal(text)).toEqual({ coefficient, exponent });
  });

  test.each(['', '.', '1.', '.5', '1,5', '1e3', '0x10', 'NaN', ' 1', '1 ', '--1', '١'])('%j is refused', (text) => {
    expect(() => parseDecimal(text)).toThrow(RangeError);
  });

  test.each([
    [decimal(5, -3), '0.005'],
    [decimal(-5, -3), '-0.005'],
    [decimal(12340, -3), '12.340'],
    [decimal(12, 3), '12000'],
    [decimal(0, -2), '0.00'],
    [decimal(-1, 0), '-1'],
  ])('%o is written %s', (value, text) => {
    expect(decimalText(value)).toBe(text);
  });

  test('what is written reads back as the same value, with the same decimals', () => {
    fc.assert(
      fc.property(anyDecimal, (value) => {
        const back = parseDecimal(decimalText(value));
        expect(scaled(back)).toBe(scaled(value));
        if (value.exponent <= 0) expect(back.exponent).toBe(value.exponent);
      }),
    );
  });
});

describe('arithmetic is exact', () => {
  test('add, subtract and multiply agree with whole numbers', () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, (a, b) => {
        expect(scaled(add(a, b))).toBe(scaled(a) + scaled(b));
        expect(scaled(subtract(a, b))).toBe(scaled(a) - scaled(b));
        expect(scaled(multiply(a, b)) * 10n ** 40n).toBe(scaled(a) * scaled(b));
      }),
    );
  });

  test('compare orders by value, whatever the written decimals', () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, (a, b) => {
        expect(compare(a, b)).toBe(scaled(a) < scaled(b) ? -1 : scaled(a) > scaled(b) ? 1 : 0);
        expect(equal(a, { coefficient: a.coefficient * 100n, exponent: a.exponent - 2 })).toBe(true);
      }),
    );
  });

  test('a tenth and two tenths are three tenths', () => {
    expect(decimalText(add(parseDecimal('0.1'), parseDecimal('0.2')))).toBe('0.3');
  });

  test('shift moves the point and nothing else', () => {
    expect(decimalText(shift(parseDecimal('1234567'), -3))).toBe('1234.567');
    expect(decimalText(shift(parseDecimal('1.5'), 3))).toBe('1500');
  });
});

describe('rounding', () => {
  test.each([
    ['2.5', 0, 'half-up', '3'],
    ['-2.5', 0, 'half-up', '-3'],
    ['2.4999', 0, 'half-up', '2'],
    ['-2.4999', 0, 'half-up', '-2'],
    ['0.0005', 3, 'half-up', '0.001'],
    ['2.9', 0, 'floor', '2'],
    ['-2.1', 0, 'floor', '-3'],
    ['-2.0', 0, 'floor', '-2'],
    ['7', 2, 'floor', '7.00'],
  ] as const)('%s to %i decimals, %s, is %s', (text, decimals, mode, expected) => {
    expect(decimalText(round(parseDecimal(text), decimals, mode))).toBe(expected);
  });

  test('the error is at most half a step, and below a step downwards for floor', () => {
    fc.assert(
      fc.property(anyDecimal, fc.integer({ min: 0, max: 12 }), (value, decimals) => {
        const step = 10n ** BigInt(40 - decimals);
        const halfUp = scaled(round(value, decimals)) - scaled(value);
        expect((halfUp < 0n ? -halfUp : halfUp) * 2n <= step).toBe(true);
        const below = scaled(value) - scaled(round(value, decimals, 'floor'));
        expect(below >= 0n && below < step).toBe(true);
      }),
    );
  });
});

describe('division', () => {
  test.each([
    ['1', '3', 4, 'half-up', '0.3333'],
    ['2', '3', 4, 'half-up', '0.6667'],
    ['-2', '3', 4, 'half-up', '-0.6667'],
    ['2', '-3', 4, 'floor', '-0.6667'],
    ['-2', '3', 4, 'floor', '-0.6667'],
    ['1', '8', 2, 'half-up', '0.13'],
    ['1000', '0.001', 0, 'half-up', '1000000'],
  ] as const)('%s / %s to %i decimals, %s, is %s', (a, b, decimals, mode, expected) => {
    expect(decimalText(divide(parseDecimal(a), parseDecimal(b), decimals, mode))).toBe(expected);
  });

  test('the quotient is the nearest one there is', () => {
    fc.assert(
      fc.property(anyDecimal, anyDecimal, fc.integer({ min: 0, max: 10 }), (a, b, decimals) => {
        fc.pre(b.coefficient !== 0n);
        const quotient = divide(a, b, decimals);
        const rest = subtract(a, multiply(quotient, b));
        const magnitude = (value: Decimal): Decimal => (value.coefficient < 0n ? subtract(ZERO, value) : value);
        // |a - q b| <= |b| x half a step
        const most = multiply(magnitude(b), decimal(5, -decimals - 1));
        expect(compare(magnitude(rest), most)).not.toBe(1);
      }),
    );
  });

  test('by nothing is refused', () => {
    expect(() => divide(decimal(1), decimal(0, -3), 2)).toThrow(RangeError);
  });
});

describe('from binary floats', () => {
  test.each([
    [0.1, 64, '0.1'],
    [Math.fround(0.1), 32, '0.1'],
    [Math.fround(12345.67), 32, '12345.67'],
    [16777216, 32, '16777216'],
    [-0, 64, '0'],
    [1e21, 64, '1000000000000000000000'],
    [1.5e-7, 64, '0.00000015'],
    [Math.fround(3.4028235e38), 32, `34028235${'0'.repeat(31)}`],
  ] as const)('%d (%i bits) is %s', (value, width, text) => {
    expect(decimalText(decimalFromFloat(value, width))).toBe(text);
  });

  test('the text reads back as the same float', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(decimalText(decimalFromFloat(value, 64))) === value).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Math.fround(Number(decimalText(decimalFromFloat(value, 32)))) === value).toBe(true);
      }),
    );
  });

  test('what is no number is refused', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(() => decimalFromFloat(value, 64)).toThrow(RangeError);
  });
});
