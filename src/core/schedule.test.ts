import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cut, lastBoundary, nextBoundary, nextRun } from './schedule.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, parseUtc } from './time.ts';

const minutes = fc.constantFrom(15, 30, 60);
const instant = fc.integer({ min: 0, max: parseUtc('2100-01-01T00:00:00Z') });

describe('boundaries', () => {
  test('a boundary is its own last one, and the next is strictly later', () => {
    const hour = parseUtc('2026-07-01T04:00:00Z');
    expect(isoUtc(lastBoundary(hour, 60))).toBe('2026-07-01T04:00:00Z');
    expect(isoUtc(nextBoundary(hour, 60))).toBe('2026-07-01T05:00:00Z');
    expect(isoUtc(nextBoundary(hour - 1, 15))).toBe('2026-07-01T04:00:00Z');
    expect(isoUtc(lastBoundary(hour - 1, 15))).toBe('2026-07-01T03:45:00Z');
  });

  test('enclose every instant, one interval apart', () => {
    fc.assert(
      fc.property(instant, minutes, (at, length) => {
        const [last, next] = [lastBoundary(at, length), nextBoundary(at, length)];
        expect(last <= at && at < next).toBe(true);
        expect(next - last).toBe(length * MINUTE_MS);
        expect(new Date(last).getUTCMinutes() % length).toBe(0);
      }),
    );
  });
});

describe('cut', () => {
  test('gives intervals that touch and fill the span', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), minutes, (count, length) => {
        const span = { start: 0, end: count * length * MINUTE_MS };
        const pieces = cut(span, length);
        expect(pieces).toHaveLength(count);
        expect(pieces[0]!.start).toBe(span.start);
        expect(pieces.at(-1)!.end).toBe(span.end);
        pieces.slice(1).forEach((piece, n) => {
          expect(piece.start).toBe(pieces[n]!.end);
        });
      }),
    );
  });

  test('refuses a span that is not whole intervals, and one that runs backwards', () => {
    expect(() => cut({ start: 0, end: HOUR_MS + 1 }, 60)).toThrow(RangeError);
    expect(() => cut({ start: HOUR_MS, end: 0 }, 60)).toThrow(RangeError);
  });

  test('refuses edges that do not lie on boundaries', () => {
    expect(() => cut({ start: MINUTE_MS, end: HOUR_MS + MINUTE_MS }, 60)).toThrow(RangeError);
  });
});

test('a periodic task runs at its period and offset, strictly later', () => {
  expect(nextRun(0, 60_000)).toBe(60_000);
  expect(nextRun(59_999, 60_000, 10_000)).toBe(70_000);
  fc.assert(
    fc.property(instant, fc.integer({ min: 1, max: 86_400_000 }), fc.nat(86_400_000), (at, every, offset) => {
      const next = nextRun(at, every, offset);
      expect(next > at && next - at <= every).toBe(true);
      expect(Number.isInteger((next - offset) / every)).toBe(true);
    }),
  );
});
