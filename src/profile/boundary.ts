import { counterDifference } from '../core/counter.ts';
import { add, compare, type Decimal, decimal, divide, multiply, round, subtract } from '../core/decimal.ts';
import type { Boundary } from '../core/interval.ts';
import type { MeterFlag, Reading } from '../core/reading.ts';
import type { Millis, UtcMs } from '../core/time.ts';

/** The readings that can tell a counter's index at one instant. */
export interface Neighbours {
  /** Frozen by the meter for exactly this instant. */
  readonly stored?: Reading;
  /** The nearest readings on either side (or exactly at it), of any source. */
  readonly before?: Reading;
  readonly after?: Reading;
}

export interface BoundaryRule {
  /** The first value the counter cannot show; undefined when unknown. */
  readonly rollover?: Decimal;
  /** Interpolate only between readings no further apart than this; 0 forbids interpolation. */
  readonly gapMsMax: Millis;
  /** Decimals of an interpolated index, at least those of the readings themselves. */
  readonly decimals: number;
}

/** A boundary with what the meter said about the readings under it. */
export interface KnownBoundary extends Boundary {
  readonly flags: readonly MeterFlag[];
}

/**
 * The index at `at`, or undefined when it is not known (yet). A value the meter froze wins over anything computed; one whose
 * stamp came from a clock that cannot be trusted is no evidence for any instant and is passed over.
 */
export function findBoundary(at: UtcMs, near: Neighbours, rule: BoundaryRule): KnownBoundary | undefined {
  const { stored, before, after } = near;
  if (stored && isCredible(stored)) {
    return {
      at,
      index: stored.value,
      source: 'stored',
      readings: [stored.at],
      flags: stored.flags,
      ...meterOf(stored),
    };
  }
  if (!before || !after || !isCredible(before) || !isCredible(after)) return undefined;
  if (after.at - before.at > rule.gapMsMax) return undefined;
  // What one meter showed and what the next one shows have nothing between them.
  if (before.meterSince !== after.meterSince) return undefined;
  // Over how much time the index advanced is not known when our clock was set between the two.
  if (after.at > before.at && after.flags.includes('wall-stepped')) return undefined;
  const index = interpolate(at, before, after, rule);
  if (!index) return undefined;
  // What was passed over is said, because a person must see to the meter's clock.
  const flags = [...new Set([...before.flags, ...after.flags, ...(stored?.flags ?? [])])];
  const readings = [...new Set([before.at, after.at])];
  return { at, index, source: 'interpolated', readings, flags, ...meterOf(before) };
}

function meterOf({ meterSince }: Reading): Pick<Boundary, 'meterSince'> {
  return meterSince === undefined ? {} : { meterSince };
}

/** A stamp from a clock that is off is no evidence; a sample is stamped by our own clock. */
export function isCredible(reading: Reading): boolean {
  return !reading.flags.includes('clock-invalid') || reading.source === 'sampled';
}

/** Rounded down: an index shows what has been passed. Rounding every boundary alike lets neighbours' intervals add up exactly. */
function interpolate(at: UtcMs, before: Reading, after: Reading, rule: BoundaryRule): Decimal | undefined {
  const decimals = Math.max(rule.decimals, -before.value.exponent, -after.value.exponent);
  if (before.at === after.at) return round(before.value, decimals, 'floor');
  const between = counterDifference(before.value, after.value, rule.rollover, undefined);
  if (between.kind !== 'advance') return undefined;
  const share = multiply(between.value, decimal(at - before.at));
  const index = add(before.value, divide(share, decimal(after.at - before.at), decimals, 'floor'));
  const wrapped = rule.rollover && compare(index, rule.rollover) >= 0 ? subtract(index, rule.rollover) : index;
  return round(wrapped, decimals, 'floor');
}
