import { add, compare, type Decimal, isNegative, subtract } from './decimal.ts';

/** What lies between two states of a counter. A reset is an event, never a negative consumption. */
export type CounterDifference =
  | { readonly kind: 'advance'; readonly value: Decimal; readonly rolledOver: boolean }
  | { readonly kind: 'reset'; readonly from: Decimal; readonly to: Decimal }
  | { readonly kind: 'implausible'; readonly value: Decimal; readonly limit: Decimal };

/**
 * The consumption between two index states.
 *
 * @param rollover the first value the counter cannot show (its digits say so), in the index's unit; undefined = unknown
 * @param limit the most that the connected capacity allows between the two states; undefined = no limit known
 *   A decrease is a rollover only if the advance it implies is within the limit; without a limit, within a tenth of the range.
 */
export function counterDifference(
  from: Decimal,
  to: Decimal,
  rollover: Decimal | undefined,
  limit: Decimal | undefined,
): CounterDifference {
  const straight = subtract(to, from);
  if (!isNegative(straight)) {
    if (limit && compare(straight, limit) > 0) return { kind: 'implausible', value: straight, limit };
    return { kind: 'advance', value: straight, rolledOver: false };
  }
  if (!rollover) return { kind: 'reset', from, to };
  const across = add(straight, rollover);
  const most = limit ?? { coefficient: rollover.coefficient, exponent: rollover.exponent - 1 };
  if (isNegative(across) || compare(across, most) > 0) return { kind: 'reset', from, to };
  return { kind: 'advance', value: across, rolledOver: true };
}
