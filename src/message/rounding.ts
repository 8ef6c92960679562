import { add, type Decimal, decimal, equal, round, subtract } from '../core/decimal.ts';

/** Whether `value` has no more than `decimals` digits after the point. */
export function fits(value: Decimal, decimals: number): boolean {
  return equal(round(value, decimals), value);
}

/**
 * The day's values to `decimals` digits so that their sum stays right: each is the step of the rounded running sum.
 * Every value is less than one last digit off, their sum is the exact sum rounded once (half up), values that fit
 * stay as they are when all fit, and what is not negative stays so.
 */
export function roundCarrying(values: readonly Decimal[], decimals: number): Decimal[] {
  let exact = decimal(0);
  let written = round(exact, decimals);
  return values.map((value) => {
    exact = add(exact, value);
    const next = round(exact, decimals);
    const step = subtract(next, written);
    written = next;
    return step;
  });
}
