import type { Buffer } from '../buffer/index.ts';
import type { Quantity } from '../core/quantity.ts';
import type { DeviceId } from '../core/reading.ts';
import { lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import { isCredible } from '../profile/boundary.ts';
import type { PointPlan } from './plan.ts';

/** What was looked through already is looked at again so often, or as soon as a record is found damaged. */
const LOOK_WHOLE_EVERY_MS = 24 * 60 * MINUTE_MS;

/** What was found the times before. */
export interface GapMemory {
  readonly counters: Map<string, CounterMemory>;
}

interface CounterMemory {
  /** Boundaries without a stored index that can be believed, oldest first. */
  readonly missing: readonly UtcMs[];
  /** Every other one until here has one. */
  readonly upTo: UtcMs;
  readonly wholeAt: UtcMs;
  /** Of the buffer, then. */
  readonly damages: number;
}

export function createGapMemory(): GapMemory {
  return { counters: new Map() };
}

/**
 * How far back a meter's archive is asked for what is missing. Days are closed within that; of what is older the readings are
 * evidence that can be lost, and what an archive cannot give either would be asked for again every day.
 */
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
  memory = createGapMemory(),
): Promise<Span[]> {
  const counters = points
    .flatMap((point) => point.counted)
    .flatMap((plan) => plan.counters.map((counter) => ({ ...counter, minutes: plan.minutes })))
    .filter((counter) => counter.device === device.config.id && counter.stores);
  const missing = new Set<UtcMs>();
  for (const { quantity, minutes } of counters) {
    const start = Math.max(since, lastBoundary(now - LOOK_BACK_MS, minutes));
    const end = lastBoundary(now, minutes);
    const name = `${device.config.id}/${quantity}/${minutes}`;
    const { missing: before, upTo, ...kept } = stillTrue(memory.counters.get(name), buffer, now);
    const fresh = boundariesIn(Math.max(start, upTo + 1), end, minutes);
    const unknown = [...before.filter((at) => at >= start && at <= end), ...fresh];
    const known = new Set<UtcMs>();
    for (const run of spansOf(unknown, minutes * MINUTE_MS))
      for (const at of await storedAt(buffer, device.config.id, quantity, run)) known.add(at);
    const left = unknown.filter((at) => !known.has(at));
    // After the wall went back, what lies ahead is looked for when it comes again.
    const ahead = before.filter((at) => at > end);
    memory.counters.set(name, { ...kept, missing: [...left, ...ahead], upTo: Math.max(upTo, end) });
    for (const at of left) missing.add(at);
  }
  return spansOf(
    [...missing].sort((a, b) => a - b),
    (counters[0]?.minutes ?? 60) * MINUTE_MS,
  );
}

function boundariesIn(start: UtcMs, end: UtcMs, minutes: number): UtcMs[] {
  const step = minutes * MINUTE_MS;
  const first = Math.ceil(start / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((end - first) / step) + 1) }, (_, n) => first + n * step);
}

function stillTrue(memory: CounterMemory | undefined, buffer: Buffer, now: UtcMs): CounterMemory {
  const damages = buffer.damages();
  const isYoung = memory && memory.wholeAt <= now && now < memory.wholeAt + LOOK_WHOLE_EVERY_MS;
  const isTrue = isYoung && memory.damages === damages;
  return isTrue ? memory : { missing: [], upTo: Number.NEGATIVE_INFINITY, wholeAt: now, damages };
}

/** A value with a stamp from a clock that was off is no evidence; the archive may have a better one. */
async function storedAt(buffer: Buffer, device: DeviceId, quantity: Quantity, { start, end }: Span): Promise<UtcMs[]> {
  const readings = await buffer.readings(device, quantity, { start, end: end + 1 }, undefined, 'stored');
  return readings.filter(isCredible).map(({ at }) => at);
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
