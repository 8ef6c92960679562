import { localHour } from '../../core/calendar.ts';
import type { Commodity } from '../../core/interval.ts';
import { MINUTE_MS, type UtcMs } from '../../core/time.ts';

/**
 * What a simulated meter counts: a daily curve with chance on it, constant over each five-minute step and whole in the counter's
 * smallest unit, so that the index at any instant is exact and the same in every process that knows the seed.
 */
export interface LoadCurve {
  /** The counter at an instant at or after `start`, in its smallest unit. */
  indexAt(at: UtcMs): bigint;
  /** The most one step can use, in the smallest unit. */
  readonly stepMost: number;
}

export const STEP_MS = 5 * MINUTE_MS;

export interface LoadShape {
  readonly seed: number;
  /** Makes two meters of one seed differ. */
  readonly meter: string;
  readonly commodity: Commodity;
  readonly zone: string;
  /** The instant at which the counter showed `startIndex`; a multiple of the step. */
  readonly start: UtcMs;
  readonly startIndex: bigint;
  /** Use at full load, smallest units in an hour. */
  readonly fullPerHour: number;
}

/** Share of full load by local hour: a heated hall burns gas early, a two-shift works uses electricity by day. */
const SHARE_BY_HOUR: Record<Commodity, readonly number[]> = {
  gas: [30, 28, 27, 30, 45, 75, 90, 85, 70, 60, 55, 50, 48, 46, 45, 48, 55, 65, 70, 66, 58, 48, 40, 34],
  electricity: [22, 20, 20, 20, 24, 40, 72, 88, 92, 94, 95, 90, 84, 90, 92, 86, 78, 70, 66, 60, 50, 38, 30, 25],
};

/** Chance moves a step's use by at most this share either way. */
const CHANCE_SHARE = 0.35;

export function createLoad(shape: LoadShape): LoadCurve {
  const stepMost = Math.ceil((shape.fullPerHour * STEP_MS * (1 + CHANCE_SHARE)) / 3_600_000);
  // Whole numbers below 2^53 are exact.
  const sums: number[] = [Number(shape.startIndex)];
  const used = stepUseOf(shape);
  const sumAt = (step: number): number => {
    while (sums.length <= step) sums.push(sums[sums.length - 1]! + used(sums.length - 1));
    return sums[step]!;
  };
  return {
    stepMost,
    indexAt: (at) => {
      if (at < shape.start) throw new RangeError(`the load curve of ${shape.meter} begins later`);
      const step = Math.floor((at - shape.start) / STEP_MS);
      const elapsed = at - shape.start - step * STEP_MS;
      const before = sumAt(step);
      return BigInt(before + Math.floor(((sumAt(step + 1) - before) * elapsed) / STEP_MS));
    },
  };
}

/** How much each step uses, by its number from the start. */
function stepUseOf({ seed, meter, commodity, zone, start, fullPerHour }: LoadShape): (step: number) => number {
  const shares = SHARE_BY_HOUR[commodity];
  const named = hashed(FNV_BASIS, `${seed}/${meter}/`);
  return (step) => {
    const share = shares[localHour(start + step * STEP_MS, zone)]! / 100;
    const chance = 1 + CHANCE_SHARE * (2 * fractionOf(hashed(named, String(step))) - 1);
    return Math.floor((fullPerHour * STEP_MS * share * chance) / 3_600_000);
  };
}

const FNV_BASIS = 0x811c9dc5;

/** FNV-1a (public domain), going on from the hash of what stands before. */
function hashed(before: number, text: string): number {
  let hash = before;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** 0 <= x < 1 from a hash with a final mix, the same on every machine. */
function fractionOf(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
}
