/**
 * Time inside the program: instants are UTC epoch milliseconds, spans are half-open.
 * Local time exists only in calendar.ts and at a driver's edge.
 */

/** An instant: milliseconds since 1970-01-01T00:00:00Z, as the wall clock tells it. */
export type UtcMs = number;

/** A length of time in milliseconds. */
export type Millis = number;

/** A reading of a clock that never steps back; only differences mean anything. */
export type MonotonicMs = number;

/** A market day as the operator names it, local date `YYYY-MM-DD`. */
export type MarketDay = string;

/** start <= t < end */
export interface Span {
  readonly start: UtcMs;
  readonly end: UtcMs;
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** `2026-03-28T05:00:00Z`; milliseconds are written only when there are any. */
export function isoUtc(at: UtcMs): string {
  return new Date(at).toISOString().replace('.000Z', 'Z');
}

const INSTANT = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/;

/** Reads what isoUtc writes (any ISO 8601 instant with Z or an offset). Throws RangeError on anything else. */
export function parseUtc(text: string): UtcMs {
  const day = INSTANT.exec(text)?.[1];
  const at = day !== undefined && dayExists(day) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw new RangeError(`not an instant with Z or offset: "${text}"`);
  return at;
}

const DAY_OF_EVERY_MONTH_MAX = '28';

/** Date.parse takes 31 June for 1 July; months and days that no month has it refuses. */
function dayExists(day: string): boolean {
  if (day.slice(-2) <= DAY_OF_EVERY_MONTH_MAX) return true;
  const start = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(start) && isoUtc(start).startsWith(day);
}

export function spanMinutes(span: Span): number {
  return (span.end - span.start) / MINUTE_MS;
}

export function contains(span: Span, at: UtcMs): boolean {
  return span.start <= at && at < span.end;
}

/** The same instants in as few spans as may be, in order. */
export function joinedSpans(spans: readonly Span[]): Span[] {
  const whole: { start: UtcMs; end: UtcMs }[] = [];
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = whole.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else whole.push({ start, end });
  }
  return whole;
}
