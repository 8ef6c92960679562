import type { Buffer } from '../buffer/index.ts';
import { lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import { isCredible } from '../profile/boundary.ts';
import type { PointPlan } from './plan.ts';

/** How far back a meter's archive is asked for what is missing. */
const LOOK_BACK_MS = 40 * 24 * 60 * MINUTE_MS;

/**
 * The boundaries at which an archiving device should have told a stored index and did not, as spans from the boundary
 * before each gap to the last boundary in it.
 * @param since nothing before this instant is wanted
 */
export async function gapsOf(
  device: BoundDevice,
  points: readonly PointPlan[],
  buffer: Buffer,
  since: UtcMs,
  now: UtcMs,
): Promise<Span[]> {
  const counters = points
    .flatMap((point) => point.counted)
    .flatMap((plan) => plan.counters.map((counter) => ({ ...counter, minutes: plan.minutes })))
    .filter((counter) => counter.device === device.config.id && counter.stores);
  const missing = new Set<UtcMs>();
  for (const { quantity, minutes } of counters) {
    const start = Math.max(since, lastBoundary(now - LOOK_BACK_MS, minutes));
    const end = lastBoundary(now, minutes);
    const span = { start, end: end + 1 };
    const readings = await buffer.readings(device.config.id, quantity, span, undefined, 'stored');
    // A value with a stamp from a clock that was off is no evidence; the archive may have a better one.
    const stored = new Set(readings.filter(isCredible).map((reading) => reading.at));
    for (
      let at = Math.ceil(start / (minutes * MINUTE_MS)) * minutes * MINUTE_MS;
      at <= end;
      at += minutes * MINUTE_MS
    ) {
      if (!stored.has(at)) missing.add(at);
    }
  }
  return spansOf(
    [...missing].sort((a, b) => a - b),
    (counters[0]?.minutes ?? 60) * MINUTE_MS,
  );
}

/** Neighbouring boundaries joined; a span has a length even where one boundary is missing. */
function spansOf(boundaries: readonly UtcMs[], step: number): Span[] {
  const spans: { start: UtcMs; end: UtcMs }[] = [];
  for (const at of boundaries) {
    const last = spans.at(-1);
    if (last && at - last.end === step) last.end = at;
    else spans.push({ start: at - step, end: at });
  }
  return spans;
}
