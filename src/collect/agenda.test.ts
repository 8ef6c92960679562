import { beforeEach, describe, expect, test } from 'vitest';
import { failure } from '../core/failure.ts';
import { lastBoundary } from '../core/schedule.ts';
import { MINUTE_MS, parseUtc } from '../core/time.ts';
import { choose } from './agenda.ts';
import { toyDevice } from './collect.testkit.ts';
import { createPlan, type DevicePlan, failed, forgetFuture, served, storedTried, succeeded } from './device-plan.ts';

const T = parseUtc('2026-03-28T05:00:00Z');
const times = { everyMs: MINUTE_MS, settleMs: 5_000 };
const BACKOFF = { firstMs: 5_000, factor: 2, mostMs: 900_000, jitter: 0 };

function plan(address: number, start: number, more: { stored?: boolean; archive?: boolean } = {}): DevicePlan {
  return createPlan(toyDevice({ address, ...more }), 15, start);
}

function good(one: DevicePlan, at: number, monotonic = 0, stored: readonly number[] = []): void {
  const base = {
    device: 'm',
    quantity: 'energy.active.import',
    kind: 'counter',
    unit: 'kWh',
    raw: '',
    flags: [],
  } as const;
  const value = { coefficient: 1n, exponent: 0 };
  served(one, { endedAt: monotonic, tookMs: 20, tookWallMs: 20 });
  succeeded(one, {
    device: one.device.config.id,
    readings: stored.map((when) => ({ ...base, value, at: when, source: 'stored', uncertaintyMs: 0, readAt: at })),
    unusable: [],
    startedAt: at - 20,
    endedAt: at,
  });
}

function bad(one: DevicePlan, at: number, monotonic: number, tookMs = 400): void {
  const cost = { endedAt: monotonic, tookMs, tookWallMs: tookMs };
  served(one, cost);
  failed(one, failure('no-answer', ''), at, cost, BACKOFF, 0);
}

function kindAt(plans: readonly DevicePlan[], now: number, monotonic = 0): string {
  const choice = choose(plans, now, monotonic, times);
  return choice.kind === 'do' ? `${choice.work.kind} ${choice.work.plan.device.config.id}` : 'wait';
}

describe('a sampled meter', () => {
  let one: DevicePlan;
  beforeEach(() => {
    one = plan(1, T - 5 * MINUTE_MS);
    good(one, T - 30_000);
  });

  test('is read just before the boundary and again at it', () => {
    expect(kindAt([one], T - 26)).toBe('wait');
    expect(kindAt([one], T - 25)).toBe('before m1');
    one.readBefore = T;
    expect(choose([one], T - 2, 0, times)).toEqual({ kind: 'wait', wallAt: T, monotonicAt: Number.POSITIVE_INFINITY });
    expect(kindAt([one], T)).toBe('after m1');
    one.readAfter = T;
    good(one, T + 20);
    expect(kindAt([one], T + 21)).toBe('wait');
    expect(kindAt([one], T + MINUTE_MS)).toBe('sample m1');
  });

  test('the boundary comes before samples, whoever waits longest', () => {
    const two = plan(2, T);
    two.lastServed = -1;
    one.readBefore = T;
    expect(kindAt([two, one], T)).toBe('after m1');
  });

  test('other work that would reach over the boundary is held back', () => {
    const slow = plan(2, T + 1, { stored: true });
    slow.expectedMs = 3_000;
    slow.storedFor = T;
    expect(kindAt([one, slow], T - 3_100)).toBe('sample m2');
    expect(choose([one, slow], T - 2_000, 0, times)).toMatchObject({ kind: 'wait', wallAt: T - 25 });
  });

  test('a wall clock that steps back an hour reads the same boundaries again, and one sample at once', () => {
    one.readAfter = T;
    one.readBefore = T;
    good(one, T + 20);
    const back = T - 60 * MINUTE_MS + 20;
    forgetFuture(one, back);
    expect(kindAt([one], back)).toBe('sample m1');
    good(one, back + 20);
    expect(kindAt([one], back + 40)).toBe('wait');
    expect(kindAt([one], T - 45 * MINUTE_MS)).toBe('after m1');
  });

  test('a wall clock that steps a day forward brings one boundary and one sample, not a day of them', () => {
    const ahead = T + 1_440 * MINUTE_MS + 1;
    expect(kindAt([one], ahead)).toBe('after m1');
    one.readAfter = T + 1_440 * MINUTE_MS;
    good(one, ahead);
    expect(kindAt([one], ahead + 1)).toBe('wait');
  });
});

describe('a meter that stores', () => {
  test('is asked after it has settled, again at doubling distances, until its value of this boundary came', () => {
    const one = plan(1, T - MINUTE_MS, { stored: true });
    good(one, T - MINUTE_MS, 0, [T - 15 * MINUTE_MS]);
    one.lastReadAt = T + 100_000;
    expect(kindAt([one], T + 4_999)).toBe('sample m1');
    expect(kindAt([one], T + 5_000)).toBe('stored m1');
    expect(storedTried(one, T, T + 5_020, 5_000)).toBeUndefined();
    good(one, T + 5_020, 0, [T - 15 * MINUTE_MS]);
    expect(choose([one], T + 5_040, 0, times)).toMatchObject({ kind: 'wait', wallAt: T + 10_020 });
    good(one, T + 10_020, 0, [T]);
    expect(choose([one], T + 11_000, 0, times)).toMatchObject({ kind: 'wait', wallAt: T + MINUTE_MS });
  });

  test('is given up after eight tries, and the value is named that the meter has overwritten', () => {
    const one = plan(1, T - MINUTE_MS, { stored: true });
    expect(Array.from({ length: 8 }, () => storedTried(one, T, T, 5_000))).toEqual([...Array(7).fill(undefined), T]);
    expect(storedTried(one, T + 15 * MINUTE_MS, T, 5_000)).toBeUndefined();
    expect(storedTried(one, T + 30 * MINUTE_MS, T, 5_000)).toBe(T + 15 * MINUTE_MS);
  });

  test('of hourly values is asked until the next hour is near: one that freezes late has overwritten nothing yet', () => {
    const one = { ...plan(1, T - MINUTE_MS, { stored: true }), minutes: 60 as const };
    const hour = lastBoundary(T, 60);
    const nextAt = Array.from({ length: 10 }, () => [storedTried(one, hour, hour, 5_000), one.storedNextAt - hour]);
    expect(nextAt.slice(7)).toEqual([
      [undefined, 1_280_000],
      [undefined, 2_560_000],
      [hour, 5_120_000],
    ]);
  });

  test('is not asked eight times in a row by a gateway that starts long after the boundary', () => {
    const late = T + 14 * MINUTE_MS;
    const one = plan(1, late, { stored: true });
    expect(kindAt([one], late)).toBe('stored m1');
    good(one, late + 20, 0, [T - 15 * MINUTE_MS]);
    storedTried(one, T, late + 20, 5_000);
    expect(choose([one], late + 21, 0, times)).toMatchObject({ kind: 'wait', wallAt: late + 5_020 });
  });

  test('hands over each stored value once', () => {
    const one = plan(1, T, { stored: true });
    const stored = {
      quantity: 'energy.active.import',
      kind: 'counter',
      unit: 'kWh',
      raw: '',
      flags: [],
      device: 'm1',
    } as const;
    const reading = { ...stored, value: { coefficient: 1n, exponent: 0 }, at: T, uncertaintyMs: 0, readAt: T } as const;
    const round = { device: 'm1', unusable: [], startedAt: T, endedAt: T + 1 };
    const readings = [{ ...reading, source: 'stored' } as const];
    expect(succeeded(one, { ...round, readings }).readings).toHaveLength(1);
    expect(succeeded(one, { ...round, readings }).readings).toHaveLength(0);
    const flagged = [{ ...reading, source: 'stored', flags: ['alarm'] } as const];
    expect(succeeded(one, { ...round, readings: flagged }).readings).toHaveLength(1);
  });
});

describe('a meter that fails', () => {
  test('waits for its back-off, or longer when its time-out is dear', () => {
    const one = plan(1, T - MINUTE_MS);
    bad(one, T - MINUTE_MS, 1_000, 20);
    expect(one.retryAt).toBe(6_000);
    bad(one, T - MINUTE_MS, 6_000, 4_000);
    expect(one.retryAt).toBe(6_000 + 32 * 4_000);
    expect(choose([one], T - MINUTE_MS, 6_000, times)).toMatchObject({ kind: 'wait', monotonicAt: 134_000 });
    expect(kindAt([one], T - MINUTE_MS, 134_000)).toBe('sample m1');
  });

  test('gets one try at a boundary within its budget, after the healthy ones', () => {
    const [one, two] = [plan(1, T - MINUTE_MS), plan(2, T - MINUTE_MS)];
    for (let n = 0; n < 5; n++) bad(one, T - MINUTE_MS, 0, 100);
    good(two, T - 30_000);
    expect(one.retryAt).toBe(80_000);
    expect(kindAt([one, two], T, 10_000)).toBe('after m2');
    two.readAfter = T;
    good(two, T + 20);
    expect(kindAt([one, two], T + 21, 3_199)).toBe('wait');
    expect(kindAt([one, two], T + 21, 3_200)).toBe('after m1');
    one.readAfter = T;
    expect(kindAt([one, two], T + 22, 10_000)).toBe('wait');
  });
});

test('samples go round: whoever was served longest ago is next', () => {
  const plans = [1, 2, 3].map((address) => plan(address, T + 1));
  const order: string[] = [];
  for (let n = 1; n <= 6; n++) {
    const choice = choose(plans, T + 2 + n * MINUTE_MS, n, times);
    if (choice.kind !== 'do') throw new Error('nothing to do');
    order.push(choice.work.plan.device.config.id);
    good(choice.work.plan, T + 2 + n * MINUTE_MS - 1, n);
    choice.work.plan.lastReadAt = T;
  }
  expect(order).toEqual(['m1', 'm2', 'm3', 'm1', 'm2', 'm3']);
});

test('the archive waits for everything else', () => {
  const one = plan(1, T + 1, { stored: true, archive: true });
  expect(kindAt([one], T + 6_000)).toBe('stored m1');
  one.storedFor = T;
  expect(kindAt([one], T + 6_000)).toBe('sample m1');
  good(one, T + 6_000);
  expect(kindAt([one], T + 6_001)).toBe('refill m1');
});
