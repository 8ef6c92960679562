import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { counterDifference } from './counter.ts';
import { type Decimal, decimal, decimalText, parseDecimal } from './decimal.ts';

function difference(from: string, to: string, rollover?: string, limit?: string): string {
  const optional = (text: string | undefined): Decimal | undefined =>
    text === undefined ? undefined : parseDecimal(text);
  const result = counterDifference(parseDecimal(from), parseDecimal(to), optional(rollover), optional(limit));
  if (result.kind === 'reset') return `reset ${decimalText(result.from)} -> ${decimalText(result.to)}`;
  if (result.kind === 'implausible') return `implausible ${decimalText(result.value)} > ${decimalText(result.limit)}`;
  return `advance ${decimalText(result.value)}${result.rolledOver ? ' rolled over' : ''}`;
}

describe('what lies between two index states', () => {
  test.each([
    ['the plain difference', ['12345.600', '12345.678'], 'advance 0.078'],
    ['nothing', ['5.0', '5.0'], 'advance 0.0'],
    ['across the last digit', ['99999999', '00000012', '100000000', '50'], 'advance 13 rolled over'],
    ['exactly at the limit', ['99999990', '40', '100000000', '50'], 'advance 50 rolled over'],
    ['a step back that a rollover would make too large', ['500', '400', '100000000', '50'], 'reset 500 -> 400'],
    ['a step back of an unknown counter', ['500', '400'], 'reset 500 -> 400'],
    ['without a limit a rollover within a tenth of the range', ['9500', '400', '10000'], 'advance 900 rolled over'],
    ['without a limit a rollover beyond it is a reset', ['8500', '400', '10000'], 'reset 8500 -> 400'],
    ['an index beyond its own range', ['20000', '5', '10000', '50000'], 'reset 20000 -> 5'],
    ['more than the capacity', ['0', '51', undefined, '50'], 'implausible 51 > 50'],
    ['as much as the capacity', ['0', '50.0', undefined, '50'], 'advance 50.0'],
  ] as const)('%s', (_, [from, to, rollover, limit], expected) => {
    expect(difference(from, to, rollover, limit)).toBe(expected);
  });

  test('a counter of any width gives back what was used, over the edge or not', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 12 }),
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        (digits, start, used) => {
          const range = 10n ** BigInt(digits);
          const consumption = used % (range / 2n);
          const from = start % range;
          const to = (from + consumption) % range;
          const result = counterDifference(decimal(from), decimal(to), decimal(range), decimal(range / 2n));
          expect(result).toEqual({
            kind: 'advance',
            value: { coefficient: consumption, exponent: 0 },
            rolledOver: from + consumption >= range,
          });
        },
      ),
    );
  });

  test('a consumption is never negative and never above the limit', () => {
    const state = fc.bigInt({ min: 0n, max: 10n ** 8n - 1n }).map((n) => decimal(n, -3));
    fc.assert(
      fc.property(state, state, fc.bigInt({ min: 1n, max: 10n ** 7n }), (from, to, most) => {
        const result = counterDifference(from, to, decimal(10n ** 5n), decimal(most, -3));
        if (result.kind === 'advance') {
          expect(result.value.coefficient >= 0n && result.value.coefficient <= most).toBe(true);
        }
      }),
    );
  });
});
