import { type CounterDifference, counterDifference } from '../core/counter.ts';
import {
  add,
  compare,
  type Decimal,
  decimal,
  decimalText,
  isNegative,
  multiply,
  subtract,
  ZERO,
} from '../core/decimal.ts';
import {
  type Boundary,
  CHANNEL_UNIT,
  type Channel,
  type Conversion,
  type Interval,
  type IntervalOrigin,
  type PointCode,
  type Quality,
} from '../core/interval.ts';
import { convert, type Quantity, type Unit } from '../core/quantity.ts';
import type { DeviceId, MeterFlag } from '../core/reading.ts';
import type { Span, UtcMs } from '../core/time.ts';
import type { KnownBoundary } from './boundary.ts';
import { exceedsCapacity, exceedsSpikeLimit, limitOf } from './capacity.ts';
import { baseVolume, type Compressibility, conversionAt, type SeenState } from './conversion.ts';
import type { FindingCode } from './findings.ts';

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
  /** Percent of the connected capacity above which a value is a spike. */
  readonly spikePercent: number;
  /** The counter is at operating conditions: its advance is converted to base volume. */
  readonly conversion?: Compressibility;
}

/** The two boundaries of one counter over one interval. */
export interface CounterEdges {
  readonly counter: CounterPlan;
  readonly from: KnownBoundary;
  readonly to: KnownBoundary;
}

/** What was read inside an interval, between its edges. */
export interface SeenInside {
  readonly state?: SeenState;
  readonly troubles?: readonly FindingCode[];
}

/** A converted volume is given in litres. */
const CONVERTED_DECIMALS = 3;

/** A step of our own clock is judged when the day is over: it concerns the interval it fell in, whatever stands at its edges. */
const FLAG_FINDINGS: Record<Exclude<MeterFlag, 'wall-stepped'>, FindingCode> = {
  alarm: 'meter-alarm',
  disturbed: 'meter-disturbed',
  'power-failed': 'meter-power-failed',
  'clock-set': 'meter-clock-set',
  'clock-invalid': 'clock-not-credible',
  'low-battery': 'meter-battery-low',
};

const FLAGGED: ReadonlySet<FindingCode> = new Set([
  'meter-alarm',
  'meter-disturbed',
  'meter-power-failed',
  'meter-clock-set',
]);

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
  inside: SeenInside = {},
): Interval {
  const findings = new Set<FindingCode>();
  const advance = credibleAdvance(plan, span, edges, findings);
  const conversion = advance && plan.conversion && inside.state && conversionAt(plan.conversion, inside.state);
  const value = advance && publishedValue(plan, span, advance, conversion, findings);
  if (value && exceedsSpikeLimit(plan, span, value)) findings.add('spike');
  for (const finding of flagFindings(edges)) findings.add(finding);
  for (const finding of inside.troubles ?? []) findings.add(finding);
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
    ...(advance && plan.multipliers.length > 0 && { multiplier: multiplierAt(plan, span.start)! }),
    ...(conversion && { conversion }),
  };
  if (!value) return { ...base, quality: 'missing' };
  return { ...base, value, quality: plan.conversion ? 'computed' : qualityOf(edges, findings) };
}

/** What the counters advanced, times the multiplier. */
function credibleAdvance(
  plan: ChannelPlan,
  span: Span,
  edges: readonly CounterEdges[],
  findings: Set<FindingCode>,
): Decimal | undefined {
  const multiplier = multiplierAt(plan, span.start);
  if (multiplierAt(plan, span.end - 1) !== multiplier) findings.add('multiplier-mixed');
  else if (!multiplier) findings.add('multiplier-unknown');
  // What part of the advance was counted under which ratio, nobody knows.
  if (!multiplier || findings.size > 0) return undefined;
  if (plan.multipliers.some(({ from }) => from === span.start)) findings.add('multiplier-changed');
  const counted = totalOf(plan, edges, limitOf(plan, span, multiplier), findings);
  return counted && multiply(counted, multiplier);
}

/** An interval of which nothing is known, said aloud so that it is counted. */
export function missingInterval(
  plan: ChannelPlan,
  span: Span,
  finding: FindingCode,
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

/** The trouble that a meter reported in readings inside an interval; a weak battery is none. */
export function troublesOf(readings: Iterable<{ readonly flags: readonly MeterFlag[] }>): FindingCode[] {
  const found = new Set<FindingCode>();
  for (const { flags } of readings)
    for (const flag of flags)
      if (flag !== 'wall-stepped' && FLAGGED.has(FLAG_FINDINGS[flag])) found.add(FLAG_FINDINGS[flag]);
  return [...found];
}

/** The trouble that is said of an interval already; seen inside it, it stays when an edge gets better. */
export function troublesSaid({ findings }: Interval): FindingCode[] {
  return [...FLAGGED].filter((code) => findings.includes(code));
}

/** True when a newer computation says nothing new, so that no further version is written. */
export function sameContent(a: Interval, b: Interval): boolean {
  const text = (interval: Interval) => (interval.value ? decimalText(interval.value) : '');
  return a.end === b.end && a.quality === b.quality && text(a) === text(b) && a.findings.join() === b.findings.join();
}

function totalOf(
  plan: ChannelPlan,
  edges: readonly CounterEdges[],
  limit: Decimal,
  findings: Set<FindingCode>,
): Decimal | undefined {
  let total = ZERO;
  for (const { counter, from, to } of edges) {
    if (from.meterSince !== to.meterSince) {
      findings.add('meter-exchanged');
      return undefined;
    }
    const inCounterUnit = convert(limit, CHANNEL_UNIT[plan.channel], counter.unit);
    const difference = counterDifference(from.index, to.index, counter.rollover, inCounterUnit);
    if (difference.kind !== 'advance') {
      findings.add(refusal(difference, inCounterUnit));
      return undefined;
    }
    if (difference.rolledOver) findings.add('rolled-over');
    total = add(total, convert(difference.value, counter.unit, CHANNEL_UNIT[plan.channel]));
  }
  if (compare(total, limit) <= 0) return total;
  // Each of several counters was within the limit.
  findings.add('capacity-exceeded');
  return undefined;
}

/** What the market gets of an advance: the same, or its base volume where the counter is at operating conditions. */
function publishedValue(
  plan: ChannelPlan,
  span: Span,
  advance: Decimal,
  conversion: Conversion | undefined,
  findings: Set<FindingCode>,
): Decimal | undefined {
  if (!plan.conversion) return advance;
  const value = conversion && baseVolume(advance, conversion, CONVERTED_DECIMALS);
  if (!value || isNegative(value)) {
    findings.add('no-conversion');
    return undefined;
  }
  if (exceedsCapacity(plan, span, value)) {
    findings.add('capacity-exceeded');
    return undefined;
  }
  findings.add(plan.conversion.method === 'fixed' ? 'converted-fixed' : 'converted-sgerg-88');
  return value;
}

/** An index that went back by no more than could have been used has slipped; one that went further was reset or exchanged. */
export function refusal(difference: Exclude<CounterDifference, { kind: 'advance' }>, limit: Decimal): FindingCode {
  if (difference.kind === 'implausible') return 'capacity-exceeded';
  return compare(subtract(difference.from, difference.to), limit) <= 0 ? 'negative' : 'counter-reset';
}

/**
 * The multiplier that holds at an instant, undefined before the first that is stated; always the same object, so that two
 * instants can be compared.
 */
export function multiplierAt({ multipliers }: ChannelPlan, at: UtcMs): Decimal | undefined {
  return multipliers.length === 0 ? UNITY : multipliers.findLast((entry) => entry.from <= at)?.value;
}

export const UNITY = decimal(1);

function flagFindings(edges: readonly CounterEdges[]): FindingCode[] {
  // What the meter said at the interval's end concerns the interval; its start belongs to the one before. Not so with an index
  // that was passed over: both intervals rest on what was put in its place.
  const passedOver = edges.some(({ from }) => from.source === 'interpolated' && from.flags.includes('clock-invalid'));
  const atEnd = edges.flatMap(({ to }) =>
    to.flags.flatMap((flag) => (flag === 'wall-stepped' ? [] : [FLAG_FINDINGS[flag]])),
  );
  return passedOver ? [...atEnd, FLAG_FINDINGS['clock-invalid']] : atEnd;
}

function qualityOf(edges: readonly CounterEdges[], findings: ReadonlySet<FindingCode>): Quality {
  if (edges.some(({ from, to }) => from.source === 'interpolated' || to.source === 'interpolated')) return 'computed';
  return [...findings].some((finding) => FLAGGED.has(finding)) ? 'flagged' : 'measured';
}

function originOf({ counter, from, to }: CounterEdges): IntervalOrigin {
  return { device: counter.device, quantity: counter.quantity, from: bare(from), to: bare(to) };
}

function bare({ at, index, source, readings, meterSince }: KnownBoundary): Boundary {
  return { at, index, source, readings, ...(meterSince !== undefined && { meterSince }) };
}
