import { Temporal } from 'temporal-polyfill';
import { expect, test } from 'vitest';
import { knowZone, marketDaySpan, offsetMinutes } from '../core/calendar.ts';
import { HOUR_MS, MINUTE_MS, parseUtc, type UtcMs } from '../core/time.ts';
import { hostZone } from './zone.ts';

const FROM = parseUtc('2024-01-01T00:00:00Z');
const UNTIL = parseUtc('2026-01-01T00:00:00Z');
// Havana's wall leaves out its midnight; Casablanca goes back for a month.
const ZONES = ['Europe/Prague', 'America/Havana', 'Africa/Casablanca', 'UTC'];

test.each(ZONES)('%s has the offsets of the library, hour by hour for two years', (zone) => {
  const { offsets } = hostZone(zone, FROM, UNTIL);
  const wrong: UtcMs[] = [];
  for (let at: UtcMs = FROM; at < UNTIL; at += HOUR_MS) {
    const { offsetNanoseconds } = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
    if (offsets.findLast(({ since }) => since <= at)?.offset !== offsetNanoseconds / 1e6) wrong.push(at);
  }
  expect(wrong).toEqual([]);
});

test('a switch is found to the millisecond', () => {
  const { offsets } = hostZone('Europe/Prague', FROM, UNTIL);
  const switches = ['2024-03-31', '2024-10-27', '2025-03-30', '2025-10-26'].map((day) => parseUtc(`${day}T01:00:00Z`));
  expect(offsets.map(({ since }) => since)).toEqual([FROM, ...switches]);
  expect(offsets.map(({ offset }) => offset / MINUTE_MS)).toEqual([60, 120, 60, 120, 60]);
});

test('the own zone of the process is as it was', () => {
  const before = [process.env.TZ, new Date(FROM).getTimezoneOffset()];
  hostZone('Asia/Kathmandu', FROM, UNTIL);
  expect([process.env.TZ, new Date(FROM).getTimezoneOffset()]).toEqual(before);
});

test('a zone that is known is not asked for again, and beyond what is known the library is', () => {
  // No such zone: only what was made known can answer.
  knowZone('Test/Known', { until: UNTIL, offsets: [{ since: FROM, offset: 2 * HOUR_MS }] });
  expect(offsetMinutes(parseUtc('2025-01-01T00:00:00Z'), 'Test/Known')).toBe(120);
  expect(() => offsetMinutes(UNTIL, 'Test/Known')).toThrow(RangeError);
  expect(() => offsetMinutes(FROM - 1, 'Test/Known')).toThrow(RangeError);
  expect(marketDaySpan('electricity', '2025-01-01', 'Test/Known').start).toBe(parseUtc('2024-12-31T22:00:00Z'));
});
