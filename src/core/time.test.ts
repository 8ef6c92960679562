import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contains, isoUtc, parseUtc, spanMinutes } from './time.ts';

describe('instants as text', () => {
  test('milliseconds are written only when there are any', () => {
    expect(isoUtc(0)).toBe('1970-01-01T00:00:00Z');
    expect(isoUtc(1_500)).toBe('1970-01-01T00:00:01.500Z');
  });

  test('what is written reads back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), (at) => {
        expect(parseUtc(isoUtc(at))).toBe(at);
      }),
    );
  });

  test('an offset counts', () => {
    expect(parseUtc('2026-03-28T06:00:00+01:00')).toBe(parseUtc('2026-03-28T05:00:00Z'));
    expect(parseUtc('2026-03-28T05:00Z')).toBe(parseUtc('2026-03-28T05:00:00.000Z'));
  });

  test.each([
    '',
    '2026-03-28',
    '2026-03-28T06:00:00',
    '2026-02-29T00:00:00Z',
    '2026-06-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-03-28T25:00:00Z',
    '28 March 2026 06:00 Z',
    '6Z',
  ])('%j is no instant', (text) => {
    expect(() => parseUtc(text)).toThrow(RangeError);
  });
});

test('a span holds its start and not its end', () => {
  const span = { start: 0, end: 900_000 };
  expect(spanMinutes(span)).toBe(15);
  expect([contains(span, -1), contains(span, 0), contains(span, 899_999), contains(span, 900_000)]).toEqual([
    false,
    true,
    true,
    false,
  ]);
});
