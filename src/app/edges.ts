import type { Buffer } from '../buffer/index.ts';
import { add, type Decimal, decimal, divide, ZERO } from '../core/decimal.ts';
import type { GasState } from '../core/interval.ts';
import { convert } from '../core/quantity.ts';
import type { Reading } from '../core/reading.ts';
import type { Span, UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import {
  type BoundaryRule,
  findBoundary,
  isCredible,
  type KnownBoundary,
  type Neighbours,
} from '../profile/boundary.ts';
import type { SeenState } from '../profile/conversion.ts';
import type { ChannelPlan, CounterEdges, CounterPlan } from '../profile/interval.ts';

/** Gives the index of a counter at an instant, or undefined when it is not known (yet). */
export type FindIndex = (counter: CounterPlan, at: UtcMs) => Promise<KnownBoundary | undefined>;

/** Looks only where it must: for the few boundaries that a new reading touches. */
export function indexFromBuffer(
  buffer: Buffer,
  site: Site,
  mayInterpolate: (counter: CounterPlan) => boolean,
): FindIndex {
  return async (counter, at) => {
    const { device, quantity } = counter;
    const frozen = await buffer.readings(device, quantity, { start: at, end: at + 1 }, undefined, 'stored');
    // A meter whose clock was put right freezes the same stamp once more: the value that can be believed counts.
    const stored = frozen.find(isCredible) ?? frozen[0];
    const near: Neighbours = { ...(stored && { stored }) };
    if ((stored && isCredible(stored)) || !mayInterpolate(counter))
      return findBoundary(at, near, ruleOf(counter, site));
    // Nothing is interpolated over more than a gap's length.
    const reachMs = site.profile.sampleGapMsMax;
    const before = await credible(
      () => buffer.readingAtOrBefore(device, quantity, at, undefined, reachMs),
      () => buffer.readingAtOrBefore(device, quantity, at, 'sampled', reachMs),
    );
    const after = await credible(
      () => buffer.readingAtOrAfter(device, quantity, at, undefined, reachMs),
      () => buffer.readingAtOrAfter(device, quantity, at, 'sampled', reachMs),
    );
    return findBoundary(at, { ...near, ...(before && { before }), ...(after && { after }) }, ruleOf(counter, site));
  };
}

/** Looks for each index once: neighbours share their edges. */
export function remembered(find: FindIndex): FindIndex {
  const found = new Map<string, Promise<KnownBoundary | undefined>>();
  return (counter, at) => {
    const key = `${counter.device} ${counter.quantity} ${at}`;
    const known = found.get(key) ?? find(counter, at);
    found.set(key, known);
    return known;
  };
}

/** The same from readings that are at hand, in order: for whole days. */
export function indexFromReadings(
  readings: (counter: CounterPlan) => readonly Reading[],
  site: Site,
): (counter: CounterPlan, at: UtcMs) => KnownBoundary | undefined {
  return (counter, at) => {
    const all = readings(counter);
    const [from, to] = [firstFrom(all, at), firstFrom(all, at + 1)];
    const frozen = all.slice(from, to).filter(isStored);
    const stored = frozen.find(isCredible) ?? frozen[0];
    const before = nearestCredible(all, to - 1, -1);
    const after = nearestCredible(all, from, 1);
    const near = { ...(stored && { stored }), ...(before && { before }), ...(after && { after }) };
    return findBoundary(at, near, ruleOf(counter, site));
  };
}

/** The place of the first reading at or after an instant; a day of samples is too long to be walked for each edge. */
function firstFrom(readings: readonly Reading[], at: UtcMs): number {
  let [low, high] = [0, readings.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (readings[middle]!.at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What was read in a span, with its end: what was read at its start belongs to the one before. */
export function readingsIn(readings: readonly Reading[], { start, end }: Span): readonly Reading[] {
  return readings.slice(firstFrom(readings, start + 1), firstFrom(readings, end + 1));
}

function nearestCredible(readings: readonly Reading[], from: number, step: 1 | -1): Reading | undefined {
  for (let place = from; place >= 0 && place < readings.length; place += step)
    if (isCredible(readings[place]!)) return readings[place];
  return undefined;
}

/** The edges of all the plan's counters, or undefined when one of them is not known. */
export async function edgesOf(plan: ChannelPlan, span: Span, find: FindIndex): Promise<CounterEdges[] | undefined> {
  const found: CounterEdges[] = [];
  for (const counter of plan.counters) {
    const from = await find(counter, span.start);
    const to = from && (await find(counter, span.end));
    if (!from || !to) return undefined;
    found.push({ counter, from, to });
  }
  return found;
}

/** Mean pressure and temperature over a span; what is not measured is as the site file says. */
export async function gasState(
  buffer: Buffer,
  device: string,
  span: Span,
  fixed: Partial<GasState>,
): Promise<SeenState | undefined> {
  const pressures = fixed.pressureKPa ? [] : await buffer.readings(device, 'pressure', span);
  const temperatures = fixed.temperatureC ? [] : await buffer.readings(device, 'temperature', span);
  const pressureKPa = fixed.pressureKPa ?? mean(pressures.map(({ value, unit }) => convert(value, unit, 'kPa')));
  const temperatureC = fixed.temperatureC ?? mean(temperatures.map(({ value, unit }) => convert(value, unit, '°C')));
  if (!pressureKPa || !temperatureC) return undefined;
  const counts = { pressureReadings: pressures.length, temperatureReadings: temperatures.length };
  return { pressureKPa, temperatureC, ...counts };
}

const MEAN_DECIMALS = 4;

function mean(values: readonly Decimal[]): Decimal | undefined {
  return values.length === 0 ? undefined : divide(values.reduce(add, ZERO), decimal(values.length), MEAN_DECIMALS);
}

function ruleOf({ rollover }: CounterPlan, { profile }: Site): BoundaryRule {
  return {
    ...(rollover && { rollover }),
    gapMsMax: profile.sampleGapMsMax,
    decimals: profile.computedDecimals,
  };
}

function isStored({ source }: Reading): boolean {
  return source === 'stored';
}

/** A stored value whose stamp is not believed must not hide the sample behind it. */
async function credible(
  nearest: () => Promise<Reading | undefined>,
  sampled: () => Promise<Reading | undefined>,
): Promise<Reading | undefined> {
  const reading = await nearest();
  return !reading || isCredible(reading) ? reading : sampled();
}
