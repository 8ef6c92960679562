import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { add, compare, type Decimal, decimal, decimalText, subtract, ZERO } from '../core/decimal.ts';
import { HOUR_MS } from '../core/time.ts';
import { afterNegative, isInDip, NOTHING_KNOWN, standsAfter } from './dip.ts';
import { type ChannelPlan, makeInterval, missingInterval } from './interval.ts';
import { boundary, COUNTER, PLAN, START } from './profile.testkit.ts';

/** The hours between indexes at full hours, as they are judged one after the other; undefined where nothing is known. */
function hours(indexes: readonly (Decimal | undefined)[], plan: ChannelPlan = PLAN) {
  let stands = NOTHING_KNOWN;
  return indexes.slice(1).map((to, n) => {
    const from = indexes[n];
    const span = { start: START + n * HOUR_MS, end: START + (n + 1) * HOUR_MS };
    const edge = (at: number, index: Decimal) => boundary(at, decimalText(index));
    const edges = from && to && [{ counter: plan.counters[0]!, from: edge(span.start, from), to: edge(span.end, to) }];
    const read = edges ? makeInterval(plan, span, edges, 7, 1) : missingInterval(plan, span, 'no-reading', 7, 1);
    const interval = afterNegative(plan, read, stands);
    stands = standsAfter(plan, stands, read);
    return interval;
  });
}

const told = (indexes: readonly (number | undefined)[], plan = PLAN) =>
  hours(
    indexes.map((index) => (index === undefined ? undefined : decimal(index))),
    plan,
  ).map(({ value, findings }) => (value ? decimalText(value) : findings.join()));

describe('an index that goes back a little', () => {
  it('is not believed until the counter has passed what it had shown before', () => {
    expect(told([100, 110, 95, 97, 99, 125, 130])).toEqual([
      '10',
      'negative',
      'after-negative',
      'after-negative',
      'after-negative',
      '5',
    ]);
  });

  it('comes back beyond the capacity, or goes back once more', () => {
    const back = [100, 110, 95, 94, 96, 250, 260];
    expect(told(back)).toEqual([
      '10',
      'negative',
      'negative',
      'after-negative',
      'capacity-exceeded,after-negative',
      '10',
    ]);
  });

  it('is followed over hours of which nothing is known', () => {
    expect(told([100, 110, 95, undefined, 98, 125, 130])).toEqual([
      '10',
      'negative',
      'no-reading',
      'no-reading',
      'after-negative',
      '5',
    ]);
    expect(told([100, 110, undefined, 95, 98, 125, 130])).toEqual([
      '10',
      'no-reading',
      'no-reading',
      'after-negative',
      'after-negative',
      '5',
    ]);
  });

  it('begins from the index at the end of a gap, not from the one before it', () => {
    expect(told([100, 110, undefined, 115, 112, 130, 131])).toEqual([
      '10',
      'no-reading',
      'no-reading',
      'negative',
      'after-negative',
      '1',
    ]);
  });

  it('is another thing than a counter that was reset, which counts anew at once', () => {
    expect(told([9_000, 9_010, 3, 8, 12])).toEqual(['10', 'counter-reset', '5', '4']);
    expect(told([9_000, 9_010, undefined, 3, 8])).toEqual(['10', 'no-reading', 'no-reading', '5']);
    expect(told([9_000, 9_010, 8_990, 3, 8])).toEqual(['10', 'negative', 'counter-reset,after-negative', '5']);
  });

  it('is over when the counter rolls over', () => {
    const plan = { ...PLAN, counters: [{ ...COUNTER, rollover: decimal(1_000) }] };
    expect(told([980, 990, 985, 8, 20], plan)).toEqual(['10', 'negative', 'rolled-over,after-negative', '12']);
  });

  it('is no dip where two sources show the index with other digits', () => {
    const fine = decimal(110_700, -3);
    const after = hours([decimal(100), fine, undefined, decimal(110), decimal(111)]).at(-1);
    expect(after?.value).toEqual(decimal(1));
  });

  it('is no dip where the same edge is known a second time and a little lower', () => {
    const [first] = hours([decimal(100), decimal(110_700, -3)]);
    const again = hours([decimal(100), decimal(105), decimal(112)])[1]!;
    expect(afterNegative(PLAN, again, standsAfter(PLAN, NOTHING_KNOWN, first!))).toBe(again);
    expect(isInDip(PLAN, standsAfter(PLAN, NOTHING_KNOWN, first!))).toBe(false);
  });

  it('never makes the values add up to more than the highest index says', () => {
    const index = fc.option(fc.integer({ min: 1_000, max: 1_090 }), { nil: undefined, freq: 6 });
    fc.assert(
      fc.property(fc.array(index, { minLength: 2, maxLength: 30 }), (indexes) => {
        const intervals = hours(indexes.map((one) => (one === undefined ? undefined : decimal(one))));
        const sum = intervals.map(({ value }) => value ?? ZERO).reduce(add, ZERO);
        const seen = intervals.flatMap(({ origins }) => origins.flatMap(({ from, to }) => [from.index, to.index]));
        const [first = ZERO] = seen;
        const most = subtract(
          seen.reduce((a, b) => (compare(a, b) > 0 ? a : b), first),
          first,
        );
        expect(compare(sum, most)).toBeLessThanOrEqual(0);
      }),
    );
  });
});
