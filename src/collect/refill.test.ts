import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { chunksOf, firstRefill, restUntilNextPass, withGaps, withoutNewest } from './refill.ts';

test('chunks cover the gaps exactly, in order, none longer than 24 intervals', () => {
  const gap = fc.tuple(fc.nat({ max: 50 }), fc.integer({ min: 1, max: 200 }));
  fc.assert(
    fc.property(fc.array(gap, { maxLength: 5 }), fc.constantFrom(15, 60), (pairs, minutes) => {
      let at = 0;
      const gaps = pairs.map(([pause, length]) => {
        const start = at + (pause + 1) * minutes * MINUTE_MS;
        at = start + length * minutes * MINUTE_MS;
        return { start, end: at };
      });
      const chunks = chunksOf(gaps, minutes);
      const joined = chunks.reduce<{ start: number; end: number }[]>((spans, { start, end }) => {
        expect(end - start).toBeLessThanOrEqual(24 * minutes * MINUTE_MS);
        const last = spans.at(-1);
        if (last?.end === start) last.end = end;
        else spans.push({ start, end });
        return spans;
      }, []);
      expect(joined).toEqual(gaps);
    }),
  );
});

test('an archive that gives nothing is asked less and less often; one that gives something, after every boundary', () => {
  const gap = [{ start: 0, end: HOUR_MS }];
  let refill = firstRefill(0);
  const pauses: number[] = [];
  for (let pass = 0; pass < 7; pass++) {
    refill = restUntilNextPass(withoutNewest(withGaps(refill, gap, 60), false), 60, 0, 5_000);
    pauses.push(refill.at);
  }
  expect(pauses.map((at) => (at - 10_000) / HOUR_MS)).toEqual([2, 4, 8, 16, 24, 24, 24]);
  refill = restUntilNextPass(withoutNewest(withGaps(refill, gap, 60), true), 60, 0, 5_000);
  expect(refill.at).toBe(HOUR_MS + 10_000);
});

test('the newest chunk goes first', () => {
  const refill = withGaps(firstRefill(0), [{ start: 0, end: 48 * HOUR_MS }], 60);
  expect(refill.chunks.at(-1)).toEqual({ start: 24 * HOUR_MS, end: 48 * HOUR_MS });
  expect(withoutNewest(refill, true).chunks).toEqual([{ start: 0, end: 24 * HOUR_MS }]);
});
