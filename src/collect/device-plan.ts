import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import type { FieldDriver } from '../core/driver.ts';
import type { Failure, FailureCode } from '../core/failure.ts';
import type { Reading } from '../core/reading.ts';
import { lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Millis, type MonotonicMs, type UtcMs } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { DeviceModel } from '../device/model.ts';
import { firstRefill, isFarOff, type Refill } from './refill.ts';
import type { DeviceStatus, Round } from './round.ts';

/**
 * A failing device may take one part in so many of its line's time: a dead one costs its neighbours 3 %, three dead ones 9 %,
 * whatever its time-out. A device that comes back is noticed after 32 times what its failure cost, or its back-off, at the latest.
 */
const FAILURE_SHARE = 32;

/** Expected durations hold other work back before a boundary; never longer than a quarter of the shortest interval. */
const EXPECTED_MOST_MS: Millis = (15 * MINUTE_MS) / 4;

/** How the meter's model gives the index at a boundary. */
export interface Needs {
  /** Some counter only shows its present state: read it just before and just after the boundary. */
  readonly sampled: boolean;
  /** Some counter is frozen by the meter at the boundary: fetch it soon after, before the next one overwrites it. */
  readonly stored: boolean;
  /** The meter keeps past boundaries that can be asked for again. */
  readonly archive: boolean;
}

export function needsOf(model: DeviceModel): Needs {
  const counters = model.readings.filter((reading) => reading.kind === 'counter');
  const frozen = new Set(counters.filter((reading) => reading.stamp).map((reading) => reading.quantity));
  return {
    stored: frozen.size > 0,
    sampled: counters.some((reading) => !frozen.has(reading.quantity)),
    archive: model.archive !== undefined || model.readings.some((reading) => reading.mbus?.storageTo !== undefined),
  };
}

/** What the line knows of one device: what it needs, what was done, how it fares. */
export interface DevicePlan {
  readonly device: BoundDevice;
  readonly needs: Needs;
  /** Length of the market intervals it measures; none for a device that only informs. */
  readonly minutes: 15 | 60 | undefined;

  // what was done, by the wall
  lastReadAt: UtcMs | undefined;
  /** The last boundary that was read just before, at, and as a stored value (or given up). */
  readBefore: UtcMs;
  readAfter: UtcMs;
  storedFor: UtcMs;
  storedTriesFor: UtcMs;
  storedTries: number;
  storedNextAt: UtcMs;
  /** Stored values of the last reading, quantity and instant -> value and flags: told once, not every minute. */
  lastStored: ReadonlyMap<string, string>;
  refill: Refill;
  /** By the wall, from the last dialogue and the silence after it. */
  expectedMs: Millis;

  // how it fares, by the monotonic clock
  failuresInRow: number;
  retryAt: MonotonicMs;
  budgetFrom: MonotonicMs;
  restUntil: MonotonicMs;
  lastServed: MonotonicMs;
  /** The hold of the line (see line-collector) in which its last dialogue was a good one. */
  spokenIn: string | undefined;

  // for people
  reads: number;
  readonly failures: Partial<Record<FailureCode, number>>;
  lastGoodAt: UtcMs | undefined;
  lastFailure: DeviceStatus['lastFailure'];
  clockOffsetMs: Millis | undefined;
  /** As the meter tells it. Where the site file names none, another is not believed until the gateway starts again. */
  serial: string | undefined;
}

/** A plan at the start: samples and stored values at once, sampled boundaries from the next one on. */
/** A device with what reads it, and the serial that it told in an earlier run of the program. */
export interface Driven {
  readonly device: BoundDevice;
  readonly driver: FieldDriver<BoundDevice>;
  readonly serial: string | undefined;
}

/** @param serial what the device told in an earlier run of the program */
export function createPlan(device: BoundDevice, minutes: 15 | 60 | undefined, now: UtcMs, serial?: string): DevicePlan {
  const boundary = minutes === undefined ? now : lastBoundary(now, minutes);
  return {
    device,
    needs: needsOf(device.model),
    minutes,
    lastReadAt: undefined,
    readBefore: boundary,
    readAfter: boundary,
    storedFor: Number.NEGATIVE_INFINITY,
    storedTriesFor: Number.NEGATIVE_INFINITY,
    storedTries: 0,
    storedNextAt: Number.NEGATIVE_INFINITY,
    lastStored: new Map(),
    refill: firstRefill(now),
    expectedMs: 0,
    failuresInRow: 0,
    retryAt: Number.NEGATIVE_INFINITY,
    budgetFrom: Number.NEGATIVE_INFINITY,
    restUntil: Number.NEGATIVE_INFINITY,
    lastServed: Number.NEGATIVE_INFINITY,
    spokenIn: undefined,
    reads: 0,
    failures: {},
    lastGoodAt: undefined,
    lastFailure: undefined,
    clockOffsetMs: undefined,
    serial,
  };
}

/** After the wall stepped back, boundaries that are to come again are to be read again. */
export function forgetFuture(plan: DevicePlan, now: UtcMs): void {
  if (plan.minutes === undefined) return;
  const last = lastBoundary(now, plan.minutes);
  const interval = plan.minutes * MINUTE_MS;
  if (plan.readAfter > now) plan.readAfter = last;
  if (plan.storedFor > now) plan.storedFor = last;
  if (plan.storedTriesFor > now) plan.storedTriesFor = Number.NEGATIVE_INFINITY;
  // The reading before is always of a boundary still to come.
  if (plan.readBefore > last + interval) plan.readBefore = last;
  if (isFarOff(plan.refill, plan.minutes, now)) plan.refill = firstRefill(now);
}

/** How long a dialogue held the line: by the wire's clock, and by the wall, which a rehearsal may run faster. */
export interface Cost {
  readonly endedAt: MonotonicMs;
  readonly tookMs: Millis;
  readonly tookWallMs: Millis;
}

export function served(plan: DevicePlan, cost: Cost): void {
  plan.lastServed = cost.endedAt;
  plan.restUntil = cost.endedAt + plan.device.model.pauseMs;
  plan.expectedMs = Math.min(Math.max(0, cost.tookWallMs), EXPECTED_MOST_MS);
}

/** A reading of the present state succeeded. Gives the round without the stored values that were told before. */
export function succeeded(plan: DevicePlan, round: Round): Round {
  plan.failuresInRow = 0;
  plan.reads += 1;
  plan.lastGoodAt = round.endedAt;
  plan.lastReadAt = round.endedAt;
  plan.clockOffsetMs = round.clockOffsetMs;
  plan.serial = round.identity?.serial ?? plan.serial;
  const known = plan.lastStored;
  const stored = round.readings.filter((reading) => reading.source === 'stored');
  plan.lastStored = new Map(stored.map((reading) => [storedKey(reading), storedState(reading)]));
  if (plan.minutes !== undefined) {
    const boundary = lastBoundary(round.endedAt, plan.minutes);
    if (holdsStored(plan, boundary)) plan.storedFor = boundary;
  }
  return {
    ...round,
    readings: round.readings.filter(
      (reading) => reading.source !== 'stored' || known.get(storedKey(reading)) !== storedState(reading),
    ),
  };
}

/** True when the last reading held a value that the meter froze at this boundary. */
export function holdsStored(plan: DevicePlan, boundary: UtcMs): boolean {
  return [...plan.lastStored.keys()].some((key) => key.endsWith(` ${boundary}`));
}

/**
 * A frozen value is asked for at doubling distances from the boundary, 5, 10, 20 ... 640 s and of an hour 2,560 s: as long as the
 * meter has not frozen the next one. Where the gateway starts late in an interval, at most so often.
 */
const STORED_TRIES_MAX = 12;
/** ... but not more often than this by the wall, even where nothing has to settle. */
const STORED_PAUSE_LEAST_MS: Millis = 1_000;

/**
 * A try to fetch the value frozen at a boundary is over. Gives the boundary whose value is now given up, if one is:
 * this one after the last try, or an earlier one that the meter has overwritten meanwhile.
 */
export function storedTried(plan: DevicePlan, boundary: UtcMs, now: UtcMs, settleMs: Millis): UtcMs | undefined {
  const earlier = plan.storedTriesFor;
  const overwritten = earlier > plan.storedFor && earlier < boundary ? earlier : undefined;
  plan.storedTries = earlier === boundary ? plan.storedTries + 1 : 1;
  plan.storedTriesFor = boundary;
  const pauseMs = Math.max(settleMs, STORED_PAUSE_LEAST_MS);
  plan.storedNextAt = Math.max(boundary + pauseMs * 2 ** plan.storedTries, now + pauseMs);
  const isLast =
    plan.storedNextAt >= boundary + (plan.minutes ?? 60) * MINUTE_MS || plan.storedTries >= STORED_TRIES_MAX;
  if (plan.storedFor >= boundary || !isLast) return overwritten;
  plan.storedFor = boundary;
  return boundary;
}

function storedKey({ quantity, at }: Reading): string {
  return `${quantity} ${at}`;
}

function storedState({ value, flags }: Reading): string {
  return `${value.coefficient}e${value.exponent} ${flags.join(' ')}`;
}

/** @param chance 0 <= chance < 1 */
export function failed(
  plan: DevicePlan,
  what: Failure,
  at: UtcMs,
  cost: Cost,
  backoff: BackoffRule,
  chance: number,
): void {
  plan.failuresInRow += 1;
  plan.failures[what.code] = (plan.failures[what.code] ?? 0) + 1;
  plan.lastFailure = { ...what, at };
  plan.budgetFrom = cost.endedAt + FAILURE_SHARE * cost.tookMs;
  plan.retryAt = Math.max(plan.budgetFrom, cost.endedAt + backoffMs(backoff, plan.failuresInRow, chance));
}

export function statusOf(
  plan: DevicePlan,
  line: string,
  lastUnusable: DeviceStatus['lastUnusable'],
  now: UtcMs,
  monotonic: MonotonicMs,
): DeviceStatus {
  const { device, reads, failures, failuresInRow, lastGoodAt, lastFailure, clockOffsetMs, serial, retryAt } = plan;
  return {
    device: device.config.id,
    line,
    reads,
    failures: { ...failures },
    failuresInRow,
    ...(lastGoodAt === undefined ? {} : { lastGoodAt }),
    ...(lastFailure === undefined ? {} : { lastFailure }),
    ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
    ...(lastUnusable === undefined ? {} : { lastUnusable }),
    ...(serial === undefined ? {} : { serial }),
    ...(failuresInRow > 0 && retryAt > monotonic ? { nextTryAt: now + Math.round(retryAt - monotonic) } : {}),
  };
}
