import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, compare, type Decimal, decimal, decimalText, isNegative, ZERO } from '../core/decimal.ts';
import { HOUR_MS } from '../core/time.ts';
import { type EstimationRule, estimateGap, shares } from './estimate.ts';
import { START } from './profile.testkit.ts';

const hours = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ start: START + n * HOUR_MS, end: START + (n + 1) * HOUR_MS }));
const NONE: EstimationRule = { scaled: false, likeDay: false };
const texts = (values: readonly Decimal[] | undefined) => values?.map(decimalText);
const like = [decimal(1), decimal(3), decimal(0)];

describe('a gap', () => {
  it('stays open unless a rule allows more', () => {
    expect(estimateGap({ spans: hours(3), total: decimal(9), like }, NONE, 3)).toBeUndefined();
  });

  it('gets equal shares up to the stated length', () => {
    const rule = { ...NONE, linearMinutesMax: 180 };
    const made = estimateGap({ spans: hours(3), total: decimal(10) }, rule, 3);
    expect(made?.finding).toBe('estimated-linear');
    expect(texts(made?.values)).toEqual(['3.333', '3.333', '3.334']);
    expect(estimateGap({ spans: hours(4), total: decimal(10) }, rule, 3)).toBeUndefined();
  });

  it('gets the index difference in the shape of a like day when it is longer', () => {
    const made = estimateGap(
      { spans: hours(3), total: decimal(10), like },
      { ...NONE, linearMinutesMax: 60, scaled: true },
      3,
    );
    expect(made?.finding).toBe('estimated-scaled');
    expect(texts(made?.values)).toEqual(['2.500', '7.500', '0.000']);
    expect(estimateGap({ spans: hours(3), total: decimal(10) }, { ...NONE, scaled: true }, 3)).toBeUndefined();
  });

  it('gets a like day as it was only where no index difference is known', () => {
    const rule = { ...NONE, likeDay: true };
    expect(estimateGap({ spans: hours(3), like }, rule, 3)).toEqual({ values: like, finding: 'estimated-like-day' });
    expect(estimateGap({ spans: hours(3), total: decimal(10), like }, rule, 3)).toBeUndefined();
    expect(estimateGap({ spans: hours(3) }, rule, 3)).toBeUndefined();
  });

  it('cannot be shaped by a day without use, unless nothing was used', () => {
    const rule = { ...NONE, scaled: true };
    const idle = [ZERO, ZERO, ZERO];
    expect(estimateGap({ spans: hours(3), total: decimal(1), like: idle }, rule, 3)).toBeUndefined();
    expect(texts(estimateGap({ spans: hours(3), total: ZERO, like: idle }, rule, 3)?.values)).toEqual([
      '0.000',
      '0.000',
      '0.000',
    ]);
  });
});

describe('shares', () => {
  it('add up to the total to the last digit and are never negative', () => {
    const amount = fc.record({
      coefficient: fc.bigInt({ min: 0n, max: 10n ** 15n }),
      exponent: fc.integer({ min: -8, max: 2 }),
    });
    fc.assert(
      fc.property(
        amount,
        fc.array(amount, { minLength: 1, maxLength: 120 }),
        fc.integer({ min: 0, max: 6 }),
        (total, weights, decimals) => {
          const parts = shares(total, weights, decimals);
          if (!parts) {
            expect(compare(weights.reduce(add, ZERO), ZERO)).toBe(0);
            return;
          }
          expect(compare(parts.reduce(add, ZERO), compare(weights.reduce(add, ZERO), ZERO) === 0 ? ZERO : total)).toBe(
            0,
          );
          expect(parts.some(isNegative)).toBe(false);
          expect(parts).toHaveLength(weights.length);
        },
      ),
    );
  });
});
