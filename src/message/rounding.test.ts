import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  add,
  compare,
  type Decimal,
  decimal,
  decimalText,
  equal,
  isNegative,
  round,
  subtract,
} from '../core/decimal.ts';
import { fits, roundCarrying } from './rounding.ts';

const values = fc.array(
  fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.integer({ min: -9, max: 2 })).map(([c, e]) => decimal(c, e)),
  { minLength: 1, maxLength: 100 },
);
const decimals = fc.integer({ min: 0, max: 6 });

function sum(items: readonly Decimal[]): Decimal {
  return items.reduce(add, decimal(0));
}

test('the sum of the day is the exact sum rounded once', () => {
  fc.assert(
    fc.property(values, decimals, (day, places) => {
      expect(equal(sum(roundCarrying(day, places)), round(sum(day), places))).toBe(true);
    }),
  );
});

test('each value is less than one last digit off, has the digits asked for, and is never negative', () => {
  fc.assert(
    fc.property(values, decimals, (day, places) => {
      const unit = decimal(1, -places);
      roundCarrying(day, places).forEach((written, n) => {
        const off = subtract(written, day[n]!);
        expect(compare(off, unit)).toBe(-1);
        expect(compare(off, decimal(-1, -places))).toBe(1);
        expect(isNegative(written)).toBe(false);
        expect(decimalText(written).split('.')[1]?.length ?? 0).toBe(places);
      });
    }),
  );
});

test('a day of values that fit stays as it is', () => {
  const whole = fc.array(fc.bigInt({ min: 0n, max: 10n ** 12n }).map((c) => decimal(c, -3)));
  fc.assert(
    fc.property(whole, (day) => {
      expect(roundCarrying(day, 3).every((written, n) => equal(written, day[n]!))).toBe(true);
    }),
  );
});

test('hand-made: thirds of a digit come out one by one, not all up or all down', () => {
  const written = roundCarrying([decimal(4, -1), decimal(4, -1), decimal(4, -1), decimal(4, -1)], 0);
  expect(written.map(decimalText)).toEqual(['0', '1', '0', '1']);
});

test('fits looks at the value, not at how it is written', () => {
  expect(fits(decimal(12_000, -4), 3)).toBe(true);
  expect(fits(decimal(12_001, -4), 3)).toBe(false);
});
