import { counterDifference } from '../core/counter.ts';
import { add, compare, type Decimal, decimal } from '../core/decimal.ts';
import type { Interval, IntervalOrigin } from '../core/interval.ts';
import { CHANNEL_UNIT } from '../core/interval.ts';
import { convert } from '../core/quantity.ts';
import type { UtcMs } from '../core/time.ts';
import { limitOf } from './capacity.ts';
import { type ChannelPlan, multiplierAt, refusal, UNITY } from './interval.ts';

/**
 * An index that goes back a little and comes back hours later: what starts below the highest index that was seen would count a
 * second time what was counted before. Until the counter has passed that index again, a person must look.
 */

/** Where one counter stands. */
interface Stand {
  /** The meter that tells: `Boundary.meterSince`. */
  readonly meter: UtcMs | undefined;
  /** The highest index since its last reset. */
  readonly high: Decimal;
  /** The last index that is known, and when it was so. */
  readonly last: Decimal;
  readonly at: UtcMs;
}

/** Where the counters of a channel stand, by device and quantity. */
export type Stands = ReadonlyMap<string, Stand>;
export const NOTHING_KNOWN: Stands = new Map();

/** Whether one of the counters is below an index that it had shown before. */
export function isInDip(plan: ChannelPlan, stands: Stands): boolean {
  return [...stands].some(([key, { last, high }]) => isBelow(plan, key, last, high));
}

/** Where the counters stand after an interval, as the readings under it say; whatever else was put in its place. */
export function standsAfter(plan: ChannelPlan, stands: Stands, { start, end, origins }: Interval): Stands {
  // An estimate names the edges of its whole gap.
  const own = origins.filter(({ from, to }) => from.at === start && to.at === end);
  if (own.length === 0) return stands;
  const next = new Map(stands);
  for (const origin of own) {
    const { from, to } = origin;
    const key = keyOf(origin);
    const { high } = entered(plan, stands, origin);
    const isSameMeter = from.meterSince === to.meterSince;
    const isLower = isSameMeter && isBelow(plan, key, to.index, high);
    const stays = isLower && stepOf(plan, origin, from, to) !== 'counter-reset';
    next.set(key, { meter: to.meterSince, high: stays ? high : to.index, last: to.index, at: to.at });
  }
  return next;
}

/** Whether an interval tells by itself where its counters stand: it was read, and was not in a dip when it was made. */
export function isSound({ origins, quality, findings }: Interval): boolean {
  const isRead = origins.length > 0 && quality !== 'substituted' && quality !== 'estimated';
  return isRead && !findings.includes('negative') && !findings.includes('after-negative');
}

/** The interval, without its value where it starts in a dip. @param stands of the counters before it */
export function afterNegative(plan: ChannelPlan, interval: Interval, stands: Stands): Interval {
  const isDoubtful = interval.origins.some((origin) =>
    isBelow(plan, keyOf(origin), origin.from.index, entered(plan, stands, origin).high),
  );
  if (!isDoubtful || interval.findings.includes('negative')) return interval;
  const { value: _, ...rest } = interval;
  return { ...rest, quality: 'missing', findings: [...interval.findings, 'after-negative'] };
}

/** Where a counter stands at the start of an interval: between it and what was known before there may lie a gap. */
function entered(plan: ChannelPlan, stands: Stands, origin: IntervalOrigin): Stand {
  const { from } = origin;
  const here = { meter: from.meterSince, high: from.index, last: from.index, at: from.at };
  const known = stands.get(keyOf(origin));
  if (!known || known.meter !== from.meterSince) return here;
  // Over a gap the counter may have passed what it had shown before: from there on that is the highest.
  const isStillBelow = isBelow(plan, keyOf(origin), from.index, known.high);
  // One edge may be known twice, between samples and from the archive: the two are no step of the counter.
  const wasInDip = isBelow(plan, keyOf(origin), known.last, known.high);
  if (!isStillBelow || (known.at >= from.at && !wasInDip)) return here;
  const isReset =
    known.at < from.at && stepOf(plan, origin, { at: known.at, index: known.last }, from) === 'counter-reset';
  return isReset ? here : { ...here, high: known.high };
}

interface Edge {
  readonly at: UtcMs;
  readonly index: Decimal;
}

/** How an index went from one instant to another: refused with this code, or forward. */
function stepOf(plan: ChannelPlan, origin: IntervalOrigin, from: Edge, to: Edge) {
  const counter = counterOf(plan, keyOf(origin));
  if (!counter) return undefined;
  const step = counterDifference(from.index, to.index, counter.rollover, undefined);
  if (step.kind !== 'reset') return undefined;
  const multiplier = multiplierAt(plan, from.at) ?? UNITY;
  const most = limitOf(plan, { start: from.at, end: to.at }, multiplier);
  return refusal(step, convert(most, CHANNEL_UNIT[plan.channel], counter.unit));
}

/** Whether an index lies below another by the last digit of the coarser or more, and no rollover explains it. */
function isBelow(plan: ChannelPlan, key: string, index: Decimal, high: Decimal): boolean {
  if (compare(index, high) >= 0) return false;
  const step = decimal(1, Math.max(index.exponent, high.exponent));
  if (compare(add(index, step), high) > 0) return false;
  return counterDifference(high, index, counterOf(plan, key)?.rollover, undefined).kind === 'reset';
}

function counterOf({ counters }: ChannelPlan, key: string) {
  return counters.find((counter) => keyOf(counter) === key);
}

function keyOf({ device, quantity }: Pick<IntervalOrigin, 'device' | 'quantity'>): string {
  return `${device} ${quantity}`;
}
