import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DAY_STARTS_AT_HOUR,
  isoLocal,
  type LocalTime,
  localHour,
  localTime,
  marketDayOf,
  marketDaySpan,
  marketIntervals,
  meterTimeToUtc,
  offsetMinutes,
  shiftDay,
} from './calendar.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, parseUtc, spanMinutes, type UtcMs } from './time.ts';

const PRAGUE = 'Europe/Prague';
const ZONES = [PRAGUE, 'UTC', 'Europe/London', 'America/New_York', 'Asia/Kathmandu', 'Australia/Sydney'];

/** An independent judge: what the runtime's own Intl says the wall clock shows. */
const judges = new Map(
  ZONES.map((zone) => [
    zone,
    new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    }),
  ]),
);

function judged(at: UtcMs, zone: string): LocalTime {
  const parts = new Map(
    judges
      .get(zone)!
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name)!;
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  };
}

function days(from: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => shiftDay(from, n));
}

const instant = fc.integer({
  min: parseUtc('1996-01-01T00:00:00Z') / 1000,
  max: parseUtc('2060-01-01T00:00:00Z') / 1000,
});

describe('local time', () => {
  test('agrees with Intl in every zone, at any second of six decades', () => {
    fc.assert(
      fc.property(instant, fc.constantFrom(...ZONES), (second, zone) => {
        const at = second * 1000;
        const local = judged(at, zone);
        expect(localTime(at, zone)).toEqual(local);
        expect(localHour(at, zone)).toBe(local.hour);
        const asUtc = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute, local.second);
        expect(offsetMinutes(at, zone)).toBe((asUtc - at) / MINUTE_MS);
        expect(parseUtc(isoLocal(at, zone))).toBe(at);
      }),
      { numRuns: 1000 },
    );
  });

  test('is written with its offset', () => {
    expect(isoLocal(parseUtc('2026-03-28T05:00:00Z'), PRAGUE)).toBe('2026-03-28T06:00:00+01:00');
    expect(isoLocal(parseUtc('2026-03-29T04:00:00Z'), PRAGUE)).toBe('2026-03-29T06:00:00+02:00');
  });
});

describe.each(['gas', 'electricity'] as const)('the %s day', (commodity) => {
  const startHour = DAY_STARTS_AT_HOUR[commodity];

  test('of thirty years: each begins where the one before ended, at its local hour by Intl, and is 23, 24 or 25 hours', () => {
    const odd = { 23: 0, 25: 0 };
    let end: UtcMs | undefined;
    for (const day of days('2010-01-01', 365 * 30)) {
      const span = marketDaySpan(commodity, day, PRAGUE);
      if (end !== undefined) expect(span.start).toBe(end);
      end = span.end;
      const { year, month, day: date, hour, minute, second } = judged(span.start, PRAGUE);
      expect(`${year}-${String(month).padStart(2, '0')}-${String(date).padStart(2, '0')}`).toBe(day);
      expect([hour, minute, second]).toEqual([startHour, 0, 0]);
      const hours = spanMinutes(span) / 60;
      if (hours === 23 || hours === 25) odd[hours]++;
      else expect(hours).toBe(24);
    }
    expect(odd).toEqual({ 23: 30, 25: 30 });
  });

  test('every instant belongs to the one day whose span holds it', () => {
    fc.assert(
      fc.property(instant, (second) => {
        const at = second * 1000;
        const span = marketDaySpan(commodity, marketDayOf(commodity, at, PRAGUE), PRAGUE);
        expect(span.start <= at && at < span.end).toBe(true);
      }),
    );
  });
});

describe('the switches of 2026', () => {
  test.each([
    ['gas', '2026-03-27', 24],
    ['gas', '2026-03-28', 23],
    ['gas', '2026-03-29', 24],
    ['gas', '2026-10-23', 24],
    ['gas', '2026-10-24', 25],
    ['gas', '2026-10-25', 24],
    ['electricity', '2026-03-28', 24],
    ['electricity', '2026-03-29', 23],
    ['electricity', '2026-10-25', 25],
  ] as const)('%s %s has %i hours', (commodity, day, hours) => {
    expect(marketIntervals(commodity, day, PRAGUE, 60)).toHaveLength(hours);
    expect(marketIntervals(commodity, day, PRAGUE, 15)).toHaveLength(hours * 4);
  });

  test('the gas day of the spring switch runs from Saturday 05:00 UTC to Sunday 04:00 UTC', () => {
    const { start, end } = marketDaySpan('gas', '2026-03-28', PRAGUE);
    expect([isoUtc(start), isoUtc(end)]).toEqual(['2026-03-28T05:00:00Z', '2026-03-29T04:00:00Z']);
  });

  test('an instant before six belongs to the gas day before', () => {
    expect(marketDayOf('gas', parseUtc('2026-03-29T03:59:59Z'), PRAGUE)).toBe('2026-03-28');
    expect(marketDayOf('gas', parseUtc('2026-03-29T04:00:00Z'), PRAGUE)).toBe('2026-03-29');
  });
});

test('a day that does not exist is refused', () => {
  expect(() => marketDaySpan('gas', '2026-02-29', PRAGUE)).toThrow(RangeError);
  expect(() => marketDaySpan('gas', 'tomorrow', PRAGUE)).toThrow(RangeError);
});

describe("a meter's wall time", () => {
  const at = (text: string): LocalTime => {
    const [year, month, day, hour, minute, second] = text.split(/[-T:]/).map(Number);
    return { year: year!, month: month!, day: day!, hour: hour!, minute: minute!, second: second! };
  };
  const read = (text: string, hint: { summer?: boolean; near: string }, mode: 'local' | 'winter' | 'utc' = 'local') => {
    const { near, ...rest } = hint;
    const found = meterTimeToUtc(at(text), PRAGUE, mode, { ...rest, near: parseUtc(near) });
    return found === undefined ? undefined : isoUtc(found);
  };

  test('is the instant at which Intl shows it, in every zone', () => {
    fc.assert(
      fc.property(instant, fc.constantFrom(...ZONES), (second, zone) => {
        const now = second * 1000;
        const found = meterTimeToUtc(judged(now, zone), zone, 'local', { near: now });
        // In the hour that happens twice, an instant of it that was just read is found again.
        expect(found).toBe(now);
      }),
      { numRuns: 1000 },
    );
  });

  test('in the spring gap does not exist', () => {
    expect(read('2026-03-29T02:30:00', { near: '2026-03-29T01:30:00Z' })).toBeUndefined();
    expect(read('2026-03-29T03:00:00', { near: '2026-03-29T01:00:05Z' })).toBe('2026-03-29T01:00:00Z');
  });

  test('that no calendar has does not exist', () => {
    expect(read('2026-02-29T12:00:00', { near: '2026-03-01T00:00:00Z' })).toBeUndefined();
    expect(read('1900-01-00T00:00:00', { near: '2026-03-01T00:00:00Z' })).toBeUndefined();
    expect(read('2026-01-01T24:00:00', { near: '2026-03-01T00:00:00Z' })).toBeUndefined();
  });

  test("in the autumn hour that happens twice goes by the meter's summer bit", () => {
    expect(read('2026-10-25T02:30:00', { summer: true, near: '2026-10-25T05:00:00Z' })).toBe('2026-10-25T00:30:00Z');
    expect(read('2026-10-25T02:30:00', { summer: false, near: '2026-10-25T00:31:00Z' })).toBe('2026-10-25T01:30:00Z');
  });

  test.each([
    // The full hour that was just frozen, read seconds after it.
    ['2026-10-25T02:00:00', '2026-10-25T00:00:05Z', '2026-10-25T00:00:00Z'],
    ['2026-10-25T02:00:00', '2026-10-25T01:00:05Z', '2026-10-25T01:00:00Z'],
    ['2026-10-25T02:00:00', '2026-10-25T01:00:00Z', '2026-10-25T01:00:00Z'],
    ['2026-10-25T02:15:00', '2026-10-25T00:29:59Z', '2026-10-25T00:15:00Z'],
    ['2026-10-25T02:15:00', '2026-10-25T01:29:59Z', '2026-10-25T01:15:00Z'],
    // A meter whose clock runs ten seconds ahead, read with a minute's allowance.
    ['2026-10-25T02:30:10', '2026-10-25T00:31:00Z', '2026-10-25T00:30:10Z'],
    ['2026-10-25T02:30:10', '2026-10-25T01:31:00Z', '2026-10-25T01:30:10Z'],
    // The end of the hour before the clocks go back, read late.
    ['2026-10-25T02:00:00', '2026-10-25T00:59:59Z', '2026-10-25T00:00:00Z'],
  ])('%s without a summer bit, not after %s, is %s', (text, near, expected) => {
    expect(read(text, { near })).toBe(expected);
  });

  test('on standard time all year, or on UTC, needs no hint', () => {
    fc.assert(
      fc.property(instant, (second) => {
        const now = second * 1000;
        expect(meterTimeToUtc(judged(now + HOUR_MS, 'UTC'), PRAGUE, 'winter', { near: 0 })).toBe(now);
        expect(meterTimeToUtc(judged(now, 'UTC'), PRAGUE, 'utc', { near: 0 })).toBe(now);
      }),
    );
    expect(read('2026-07-01T06:00:00', { near: '2026-07-01T05:00:00Z' }, 'winter')).toBe('2026-07-01T05:00:00Z');
  });
});
