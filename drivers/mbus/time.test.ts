import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unhex } from './mbus.testkit.ts';
import { readTime, type TimeValue } from './time.ts';

const read = (text: string): TimeValue => {
  const bytes = unhex(text);
  return readTime(bytes, 0, bytes.length);
};

describe('readTime', () => {
  it('reads type F with summer bit and century (Table A.5)', () => {
    expect(read('00 a6 5c 33')).toEqual({
      kind: 'time',
      local: { year: 2026, month: 3, day: 28, hour: 6, minute: 0, second: 0 },
      precision: 'minute',
      summer: true,
    });
    expect(read('3b 17 1f cc')).toMatchObject({ local: { year: 1996, month: 12, day: 31, hour: 23, minute: 59 } });
  });

  it.each([
    ['hundreds 0, year 80 is of this century', '00 00 01 a1', 2080],
    ['hundreds 0, year 81 is of the last', '00 00 21 a1', 1981],
    ['hundreds 1 is 2000 whatever the year', '00 20 21 a1', 2081],
    ['hundreds 2 is 2100', '00 40 01 01', 2100],
  ])('%s', (_, bytes, year) => {
    expect(read(bytes)).toMatchObject({ kind: 'time', local: { year } });
  });

  it('reads type G: a date without a time', () => {
    expect(read('ff 0c')).toMatchObject({ local: { year: 2007, month: 12, day: 31 }, precision: 'day' });
  });

  it('reads type I with seconds and the summer bit (Table A.8)', () => {
    expect(read('5e 1e 0e 5c 33 00')).toEqual({
      kind: 'time',
      local: { year: 2026, month: 3, day: 28, hour: 14, minute: 30, second: 30 },
      precision: 'second',
      summer: true,
    });
  });

  it('reads type J: a time of day', () => {
    expect(read('1e 2d 17')).toEqual({ kind: 'time-of-day', hour: 23, minute: 45, second: 30 });
    expect(read('3f 3f 1f')).toEqual({ kind: 'periodic', text: '*:*:*' });
    expect(read('3c 00 00').kind).toBe('invalid');
  });

  it('names what is no point of time', () => {
    expect(read('80 06 5c 33')).toEqual({ kind: 'invalid', reason: 'time marked invalid' });
    expect(read('00 80 06 5c 33 00')).toEqual({ kind: 'invalid', reason: 'time marked invalid' });
    expect(read('ff ff')).toEqual({ kind: 'invalid', reason: 'date marked invalid' });
    expect(read('00 00')).toEqual({ kind: 'invalid', reason: 'no date set' });
    // 29 February 2025, 24:00, minute 60
    expect(read('3d 32').kind).toBe('invalid');
    expect(read('00 18 5c 33').kind).toBe('invalid');
    expect(read('3c 00 5c 33').kind).toBe('invalid');
    expect(read('00').kind).toBe('invalid');
  });

  it('tells "every" from an instant', () => {
    expect(read('00 00 e1 f1')).toEqual({ kind: 'periodic', text: '*-01-01 00:00:00' });
    expect(read('40 3f')).toMatchObject({ kind: 'periodic' });
  });

  it('gives only dates that exist', () => {
    fc.assert(
      fc.property(fc.constantFrom(2, 3, 4, 6), fc.uint8Array({ minLength: 6, maxLength: 6 }), (length, bytes) => {
        const value = readTime(bytes, 0, length);
        if (value.kind !== 'time') return;
        const { year, month, day, hour, minute, second } = value.local;
        const made = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
        expect(made.toISOString().slice(0, 19)).toBe(
          `${year}-${pad(month)}-${pad(day)}T${pad(hour)}:${pad(minute)}:${pad(second)}`,
        );
      }),
      { numRuns: 2000 },
    );
  });
});

function pad(n: number): string {
  return String(n).padStart(2, '0');
}
