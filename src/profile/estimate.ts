import { add, compare, type Decimal, decimal, divide, multiply, round, subtract, ZERO } from '../core/decimal.ts';
import { MINUTE_MS, type Span } from '../core/time.ts';
import type { FindingCode } from './findings.ts';

/** What the site file allows for a point; nothing is estimated without it. */
export interface EstimationRule {
  /** Equal shares of the index difference over a gap no longer than this. */
  readonly linearMinutesMax?: number;
  /** Longer gaps: the index difference in the shape of a like day ("adjustment from scalar"). */
  readonly scaled: boolean;
  /** Where no index difference is known: the values of a like day as they were. */
  readonly likeDay: boolean;
}

/** Neighbouring intervals without an actual value. */
export interface Gap {
  readonly spans: readonly Span[];
  /** What passed over the whole gap by the index, in the channel's unit, where both ends are known. */
  readonly total?: Decimal;
  /** The values of a like day, one for each span, where there is one. */
  readonly like?: readonly Decimal[];
}

export interface Estimate {
  readonly values: readonly Decimal[];
  readonly finding: FindingCode;
}

/**
 * A value for each span of the gap, or undefined when the rule allows none. With an index difference the values add up to it to
 * the last digit.
 * @param decimals to which shares are cut, at least those of the total
 */
export function estimateGap({ spans, total, like }: Gap, rule: EstimationRule, decimals: number): Estimate | undefined {
  const first = spans[0];
  const last = spans.at(-1);
  if (!first || !last) return undefined;
  if (total) {
    const minutes = (last.end - first.start) / MINUTE_MS;
    if (rule.linearMinutesMax !== undefined && minutes <= rule.linearMinutesMax) {
      const lengths = spans.map(({ start, end }) => decimal(end - start));
      return { values: shares(total, lengths, decimals)!, finding: 'estimated-linear' };
    }
    const values = rule.scaled && like ? shares(total, like, decimals) : undefined;
    if (values) return { values, finding: 'estimated-scaled' };
    // A like day that contradicts a known difference would be a wrong value.
    return undefined;
  }
  return rule.likeDay && like ? { values: like, finding: 'estimated-like-day' } : undefined;
}

/**
 * `total` divided by weights. Each running sum is rounded down, so that the shares add up to the total exactly.
 * Undefined when all weights are zero and something is to be divided.
 */
export function shares(total: Decimal, weights: readonly Decimal[], decimals: number): Decimal[] | undefined {
  const all = weights.reduce(add, ZERO);
  if (compare(all, ZERO) === 0)
    return compare(total, ZERO) === 0 ? weights.map(() => round(ZERO, decimals)) : undefined;
  const places = Math.max(decimals, -total.exponent);
  let weight = ZERO;
  let given = round(ZERO, places);
  return weights.map((own) => {
    weight = add(weight, own);
    const upTo = divide(multiply(total, weight), all, places, 'floor');
    const share = subtract(upTo, given);
    given = upTo;
    return share;
  });
}
