import { describe, expect, test } from 'vitest';
import { HOUR_MS, parseUtc } from '../../src/core/time.ts';
import { agesToRead } from './archive-search.ts';
import type { Dated } from './archive-stamps.ts';

const NEWEST = parseUtc('2026-11-21T12:00:00Z');
const back = (hours: number): number => NEWEST - hours * HOUR_MS;
/** `age -> hours back`; undefined for a record without a credible stamp. */
const known = (...list: readonly (readonly [age: number, hours: number | undefined])[]): Dated[] =>
  list.map(([age, hours]) => (hours === undefined ? { age, refused: 'no time' } : { age, at: back(hours) }));
const span = (from: number, to: number) => ({ from: back(from), to: back(to) });

describe('the next records to read', () => {
  test.each([
    ['nothing newer than the archive', known([0, 0], [1, 1]), span(-2, -5), []],
    ['nothing without a newest stamp', known([0, undefined], [1, 1]), span(9, 5), []],
    ['the newest is all that is wanted', known([0, 0]), span(0, 0), []],
    ['on from what is known', known([0, 0], [1, 1]), span(4, 0), [2, 3, 4]],
    ['straight to where they must be', known([0, 0], [1, 1]), span(52, 50), [50, 51, 52]],
    ['an hour apart while nothing is known', known([0, 0]), span(6, 5), [5, 6]],
    ['records lost: halfway between too new and too old', known([0, 0], [1, 1], [50, 90]), span(50, 50), [26]],
    [
      'one spacing before `to`: nothing can lie between',
      known([0, 0], [1, 1], [50, 90]),
      { from: back(90), to: back(90) },
      [],
    ],
    ['the whole archive is newer', known([0, 0], [1, 1], [99, 99]), span(120, 110), []],
    [
      'not over a day of empty records',
      known([0, 0], ...Array.from({ length: 24 }, (_, n) => [n + 1, undefined] as const)),
      span(80, 0),
      [],
    ],
  ])('%s', (_what, records, wanted, ages) => {
    expect(agesToRead(records, 100, wanted)).toEqual(ages);
  });

  test('never more than there are, nor too many at once', () => {
    expect(agesToRead(known([0, 0], [1, 1]), 10, span(500, 0))).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect(agesToRead(known([0, 0], [1, 1]), 1_000, span(500, 0))).toHaveLength(96);
  });
});
