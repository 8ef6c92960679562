import { expect, it } from 'vitest';
import { marketDayOf, marketDaySpan } from '../../core/calendar.ts';
import { HOUR_MS } from '../../core/time.ts';
import { dayAfter, ownDay, ownDayOf, ownSpans, winterFrom } from './own-days.ts';

/** Written by hand: the days around the switches, gas from 06:00 to 06:00, electricity from 00:00 to 00:00 local time. */
it.each([
  ['electricity', '2026-03-28', '2026-03-27T23:00:00Z', 24],
  ['electricity', '2026-03-29', '2026-03-28T23:00:00Z', 23],
  ['electricity', '2026-03-30', '2026-03-29T22:00:00Z', 24],
  ['gas', '2026-03-28', '2026-03-28T05:00:00Z', 23],
  ['gas', '2026-03-29', '2026-03-29T04:00:00Z', 24],
  ['electricity', '2026-10-25', '2026-10-24T22:00:00Z', 25],
  ['gas', '2026-10-24', '2026-10-24T04:00:00Z', 25],
  ['gas', '2027-10-30', '2027-10-30T04:00:00Z', 25],
  ['electricity', '2027-03-28', '2027-03-27T23:00:00Z', 23],
] as const)('%s day %s starts at %s and has %d hours', (commodity, day, start, hours) => {
  const span = ownDay(commodity, day);
  expect(span).toEqual({ start: Date.parse(start), end: Date.parse(start) + hours * HOUR_MS });
  expect(ownSpans(span, 60)).toHaveLength(hours);
  expect(ownSpans(span, 15).at(-1)?.end).toBe(span.end);
  expect([span.start, span.end - 1].map((at) => ownDayOf(commodity, at))).toEqual([day, day]);
});

it('agrees with the calendar of the gateway on every day of five years, though neither knows of the other', () => {
  for (let day = '2026-01-01'; day < '2031-01-01'; day = dayAfter(day))
    for (const commodity of ['gas', 'electricity'] as const) {
      const span = ownDay(commodity, day);
      expect(marketDaySpan(commodity, day, 'Europe/Prague')).toEqual(span);
      expect(marketDayOf(commodity, span.start, 'Europe/Prague')).toBe(ownDayOf(commodity, span.start));
    }
});

it.each([
  ['2026-10-25T00:30:00Z', '2026-10-25T01:00:00Z'],
  ['2027-03-28T12:00:00Z', '2027-10-31T01:00:00Z'],
])('the year of %s has its doubled hour for the second time at %s', (at, second) => {
  expect(winterFrom(Date.parse(at))).toBe(Date.parse(second));
});
