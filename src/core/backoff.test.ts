import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from './backoff.ts';

const rule = { firstMs: 1_000, factor: 2, mostMs: 60_000, jitter: 0.3 };

test('doubles from the first delay up to the most', () => {
  const delays = [1, 2, 3, 6, 7, 8, 1_000].map((failures) => backoffMs(rule, failures, 0));
  expect(delays).toEqual([1_000, 2_000, 4_000, 32_000, 60_000, 60_000, 60_000]);
});

test('chance takes at most its share away, and never adds', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 10_000 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, chance) => {
        const full = backoffMs(rule, failures, 0);
        const delay = backoffMs(rule, failures, chance);
        expect(delay <= full && delay >= Math.floor(full * 0.7)).toBe(true);
      },
    ),
  );
});
