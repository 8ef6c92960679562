import { HOUR_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';

/** So much at once at most, so that nothing else waits long. */
const SPAN_MS_MAX: Millis = 24 * HOUR_MS;

/** The same instants in as few spans as may be, in order. */
export function joined(spans: readonly Span[]): Span[] {
  const whole: { start: UtcMs; end: UtcMs }[] = [];
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = whole.at(-1);
    if (last && start <= last.end && end - last.start <= SPAN_MS_MAX) last.end = Math.max(last.end, end);
    else if (!last || end > last.end) whole.push({ start, end });
  }
  return whole;
}
