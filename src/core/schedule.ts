import { isoUtc, MINUTE_MS, type Millis, type Span, type UtcMs } from './time.ts';

/**
 * The first boundary of `minutes`-long market intervals strictly after `at`.
 * Boundaries are UTC-aligned: every zone this product serves is whole hours from UTC (the site file's check sees to it).
 */
export function nextBoundary(at: UtcMs, minutes: number): UtcMs {
  const length = minutes * MINUTE_MS;
  return (Math.floor(at / length) + 1) * length;
}

/** The latest boundary at or before `at`. */
export function lastBoundary(at: UtcMs, minutes: number): UtcMs {
  const length = minutes * MINUTE_MS;
  return Math.floor(at / length) * length;
}

/** Cuts a span into equal intervals. Throws RangeError unless both edges lie on boundaries, the end not before the start. */
export function cut(span: Span, minutes: number): Span[] {
  const length = minutes * MINUTE_MS;
  const count = (span.end - span.start) / length;
  if (lastBoundary(span.start, minutes) !== span.start || !Number.isInteger(count) || count < 0)
    throw new RangeError(`${isoUtc(span.start)} to ${isoUtc(span.end)} is not whole intervals of ${minutes} min`);
  return Array.from({ length: count }, (_, n) => ({
    start: span.start + n * length,
    end: span.start + (n + 1) * length,
  }));
}

/** When a periodic task with this period and offset next runs after `at`. */
export function nextRun(at: UtcMs, everyMs: Millis, offsetMs: Millis = 0): UtcMs {
  return (Math.floor((at - offsetMs) / everyMs) + 1) * everyMs + offsetMs;
}
