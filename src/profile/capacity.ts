import { compare, type Decimal, decimal, divide, multiply } from '../core/decimal.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type Span } from '../core/time.ts';
import type { ChannelPlan } from './interval.ts';

/** Dutch Meetcode 5.3.9: an interval may hold at most 120 % of the connected capacity. */
const CAPACITY_SHARE_MAX = decimal(12, -1);

/** The most the counters may advance: capacity x time x 120 %, before the multiplier. */
export function limitOf(plan: ChannelPlan, span: Span, multiplier: Decimal): Decimal {
  return divide(mostOver(plan, span), multiplier, 6);
}

/** More than 120 % of the connected capacity. */
export function exceedsCapacity(plan: ChannelPlan, span: Span, value: Decimal): boolean {
  return compare(value, mostOver(plan, span)) > 0;
}

function mostOver({ capacityPerHour }: ChannelPlan, span: Span): Decimal {
  return multiply(capacityOver(capacityPerHour, span), CAPACITY_SHARE_MAX);
}

export function exceedsSpikeLimit({ capacityPerHour, spikePercent }: ChannelPlan, span: Span, value: Decimal): boolean {
  return compare(value, multiply(capacityOver(capacityPerHour, span), decimal(spikePercent, -2))) > 0;
}

function hoursOf(lengthMs: Millis): Decimal {
  return divide(decimal(lengthMs), decimal(HOUR_MS), 6);
}

/** Of the lengths that market intervals have: each asks several times. */
const HOURS: ReadonlyMap<Millis, Decimal> = new Map([15 * MINUTE_MS, HOUR_MS].map((ms) => [ms, hoursOf(ms)]));

function capacityOver(perHour: Decimal, { start, end }: Span): Decimal {
  return multiply(perHour, HOURS.get(end - start) ?? hoursOf(end - start));
}
