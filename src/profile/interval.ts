import { counterDifference } from '../core/counter.ts';
import { add, type Decimal, decimal, decimalText, divide, multiply, ZERO } from '../core/decimal.ts';
import {
  CHANNEL_UNIT,
  type Channel,
  type Interval,
  type IntervalOrigin,
  type PointCode,
  type Quality,
} from '../core/interval.ts';
import { convert, type Quantity, type Unit } from '../core/quantity.ts';
import type { DeviceId, MeterFlag } from '../core/reading.ts';
import { HOUR_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';
import type { KnownBoundary } from './boundary.ts';

/** One counter that a channel is computed from. */
export interface CounterPlan {
  readonly device: DeviceId;
  readonly quantity: Quantity;
  readonly unit: Unit;
  readonly rollover?: Decimal;
  /** The meter freezes this index itself (last period or archive), so an interpolated boundary is only a last resort. */
  readonly stores: boolean;
}

/** How one published channel of a point comes from counters. */
export interface ChannelPlan {
  readonly point: PointCode;
  readonly channel: Channel;
  readonly minutes: number;
  readonly counters: readonly CounterPlan[];
  /** Connected capacity in the channel's unit per hour. */
  readonly capacityPerHour: Decimal;
  /** Transformer ratios with the instant from which each holds, oldest first; none means 1. */
  readonly multipliers: readonly { readonly from: UtcMs; readonly value: Decimal }[];
}

/** The two boundaries of one counter over one interval. */
export interface CounterEdges {
  readonly counter: CounterPlan;
  readonly from: KnownBoundary;
  readonly to: KnownBoundary;
}

/** Dutch Meetcode 5.3.9: an interval may hold at most 120 % of the connected capacity. */
const CAPACITY_SHARE_MAX = decimal(12, -1);

const FLAG_FINDINGS: Partial<Record<MeterFlag, string>> = {
  alarm: 'meter-alarm',
  disturbed: 'meter-disturbed',
  'power-failed': 'meter-power-failed',
  'clock-set': 'meter-clock-set',
};

/**
 * The interval between two known boundaries of all its counters, never half: what cannot be believed (index went back, beyond
 * the connected capacity) becomes `missing` with a finding that says why, so that it is seen and asked about, not sent.
 */
export function makeInterval(
  plan: ChannelPlan,
  span: Span,
  edges: readonly CounterEdges[],
  madeAt: UtcMs,
  version: number,
): Interval {
  const multiplier = multiplierAt(plan, span.start);
  const findings = new Set<string>();
  if (multiplierAt(plan, span.end - 1) !== multiplier) findings.add('multiplier-changed');
  const limit = limitOf(plan, span.end - span.start, multiplier);
  const value = totalOf(plan, edges, limit, findings);
  for (const finding of flagFindings(edges)) findings.add(finding);
  const base = {
    point: plan.point,
    channel: plan.channel,
    start: span.start,
    end: span.end,
    unit: CHANNEL_UNIT[plan.channel],
    findings: [...findings],
    version,
    madeAt,
    origins: edges.map(originOf),
  };
  if (!value) return { ...base, quality: 'missing' };
  return { ...base, value: multiply(value, multiplier), quality: qualityOf(edges, findings) };
}

/** An interval of which nothing is known, said aloud so that it is counted. */
export function missingInterval(
  plan: ChannelPlan,
  span: Span,
  finding: string,
  madeAt: UtcMs,
  version: number,
): Interval {
  return {
    point: plan.point,
    channel: plan.channel,
    ...span,
    unit: CHANNEL_UNIT[plan.channel],
    quality: 'missing',
    findings: [finding],
    version,
    madeAt,
    origins: [],
  };
}

/** True when a newer computation says nothing new, so that no further version is written. */
export function sameContent(a: Interval, b: Interval): boolean {
  const text = (interval: Interval) => (interval.value ? decimalText(interval.value) : '');
  return a.quality === b.quality && text(a) === text(b) && a.findings.join() === b.findings.join();
}

function totalOf(
  plan: ChannelPlan,
  edges: readonly CounterEdges[],
  limit: Decimal,
  findings: Set<string>,
): Decimal | undefined {
  let total = ZERO;
  for (const { counter, from, to } of edges) {
    const inCounterUnit = convert(limit, CHANNEL_UNIT[plan.channel], counter.unit);
    const difference = counterDifference(from.index, to.index, counter.rollover, inCounterUnit);
    if (difference.kind !== 'advance') {
      findings.add(difference.kind === 'reset' ? 'counter-reset' : 'capacity-exceeded');
      return undefined;
    }
    if (difference.rolledOver) findings.add('rolled-over');
    total = add(total, convert(difference.value, counter.unit, CHANNEL_UNIT[plan.channel]));
  }
  return total;
}

/** The most the counters may advance: capacity x time x 120 %, before the multiplier. */
function limitOf(plan: ChannelPlan, lengthMs: Millis, multiplier: Decimal): Decimal {
  const most = multiply(
    multiply(plan.capacityPerHour, CAPACITY_SHARE_MAX),
    divide(decimal(lengthMs), decimal(HOUR_MS), 6),
  );
  return divide(most, multiplier, 6);
}

function multiplierAt(plan: ChannelPlan, at: UtcMs): Decimal {
  return plan.multipliers.findLast((entry) => entry.from <= at)?.value ?? UNITY;
}

const UNITY = decimal(1);

function flagFindings(edges: readonly CounterEdges[]): string[] {
  // What the meter said at the interval's end concerns the interval; its start belongs to the one before.
  return edges.flatMap(({ to }) => to.flags.flatMap((flag) => FLAG_FINDINGS[flag] ?? []));
}

function qualityOf(edges: readonly CounterEdges[], findings: ReadonlySet<string>): Quality {
  if (edges.some(({ from, to }) => from.source === 'interpolated' || to.source === 'interpolated')) return 'computed';
  return [...findings].some((finding) => finding.startsWith('meter-')) ? 'flagged' : 'measured';
}

function originOf({ counter, from, to }: CounterEdges): IntervalOrigin {
  return { device: counter.device, quantity: counter.quantity, from: bare(from), to: bare(to) };
}

function bare({ at, index, source, readings }: KnownBoundary) {
  return { at, index, source, readings };
}
