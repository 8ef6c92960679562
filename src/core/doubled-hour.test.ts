import { describe, expect, it, test } from 'vitest';
import { type LocalTime, localTime, type MeterClockMode } from './calendar.ts';
import {
  doubledHourFault,
  frozenAt,
  isDoubled,
  isDoubtful,
  type Meanings,
  meaningsOfLocal,
  shownAt,
} from './doubled-hour.ts';
import { isoUtc, parseUtc } from './time.ts';

const PRAGUE = 'Europe/Prague';
const TWO: Meanings = { early: parseUtc('2026-10-25T00:00:00Z'), late: parseUtc('2026-10-25T01:00:00Z') };

function local(text: string): LocalTime {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = text.split(/\D/).map(Number);
  return { year, month, day, hour, minute, second: 0 };
}

test.each<[string, MeterClockMode, string | undefined, string | undefined]>([
  ['2026-10-25 02:00', 'local', '2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z'],
  ['2026-10-25 02:59', 'local', '2026-10-25T00:59:00Z', '2026-10-25T01:59:00Z'],
  ['2026-10-25 03:00', 'local', '2026-10-25T02:00:00Z', '2026-10-25T02:00:00Z'],
  ['2026-10-25 01:59', 'local', '2026-10-24T23:59:00Z', '2026-10-24T23:59:00Z'],
  ['2026-10-25 02:00', 'winter', '2026-10-25T01:00:00Z', '2026-10-25T01:00:00Z'],
  ['2026-10-25 02:00', 'utc', '2026-10-25T02:00:00Z', '2026-10-25T02:00:00Z'],
  ['2026-03-29 02:00', 'local', undefined, undefined],
  ['2026-03-29 03:00', 'local', '2026-03-29T01:00:00Z', '2026-03-29T01:00:00Z'],
])('%s of a clock that is %s means %s or %s', (text, mode, early, late) => {
  const meanings = meaningsOfLocal(local(text), PRAGUE, mode);
  expect(meanings && isoUtc(meanings.early)).toBe(early);
  expect(meanings && isoUtc(meanings.late)).toBe(late);
  expect(meanings && isDoubled(meanings)).toBe(meanings && early !== late);
});

describe('a stamp of the doubled hour', () => {
  it.each([
    ['2026-10-24T23:59:40Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25T00:00:05Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25T00:30:00Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25T00:49:59Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25T00:50:00Z', 'it can be told from 2026-10-25T01:02:00Z on'],
    ['2026-10-25T00:59:30Z', 'it can be told from 2026-10-25T01:02:00Z on'],
    ['2026-10-25T01:01:59Z', 'it can be told from 2026-10-25T01:02:00Z on'],
    ['2026-10-25T01:02:00Z', '2026-10-25T01:00:00Z'],
    ['2026-10-25T01:30:00Z', '2026-10-25T01:00:00Z'],
    ['2026-10-25T02:01:59Z', '2026-10-25T01:00:00Z'],
    ['2026-10-25T02:02:00Z', 'should have frozen another value'],
  ])('read at %s: %s', (text, expected) => {
    const now = parseUtc(text);
    const fault = doubledHourFault(TWO, now);
    expect(fault ?? isoUtc(frozenAt(TWO, now))).toContain(expected);
    expect(isDoubtful(TWO, now)).toBe(expected.startsWith('it can'));
  });

  it('of another hour is never in doubt', () => {
    const once = { early: TWO.late, late: TWO.late };
    for (const now of [TWO.early, TWO.late, TWO.late + 86_400_000]) {
      expect(doubledHourFault(once, now)).toBeUndefined();
      expect(isDoubtful(once, now)).toBe(false);
      expect(frozenAt(once, now)).toBe(TWO.late);
    }
  });
});

describe('a running clock in the doubled hour', () => {
  it.each([
    ['2026-10-25T00:00:10Z', '2026-10-25T00:00:24Z', 14_000],
    ['2026-10-25T00:59:50Z', '2026-10-25T01:00:04Z', 14_000],
    ['2026-10-25T01:00:10Z', '2026-10-25T01:00:24Z', 14_000],
    ['2026-10-25T01:30:00Z', '2026-10-25T01:30:14Z', 14_000],
    ['2026-10-25T01:00:10Z', '2026-10-25T00:59:56Z', -14_000],
    ['2026-10-25T01:59:59Z', '2026-10-25T01:40:00Z', -1_199_000],
  ])('read at %s, it shows %s', (now, shows, offMs) => {
    const shown = localTime(parseUtc(shows), PRAGUE);
    const meanings = meaningsOfLocal(shown, PRAGUE, 'local');
    expect(meanings && shownAt(meanings, parseUtc(now)) - parseUtc(now)).toBe(offMs);
  });
});
