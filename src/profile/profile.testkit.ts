import { type Decimal, decimal, parseDecimal } from '../core/decimal.ts';
import type { MeterFlag, Reading, ReadingSource } from '../core/reading.ts';
import { HOUR_MS, type Span, type UtcMs } from '../core/time.ts';
import type { KnownBoundary } from './boundary.ts';
import type { ChannelPlan, CounterEdges, CounterPlan } from './interval.ts';

export const START: UtcMs = Date.UTC(2026, 5, 1, 4);
export const HOUR: Span = { start: START, end: START + HOUR_MS };

export const COUNTER: CounterPlan = { device: 'corrector', quantity: 'volume.base.total', unit: 'm3', stores: true };

export const PLAN: ChannelPlan = {
  point: '27ZG100Z0000001A',
  channel: 'volume',
  minutes: 60,
  counters: [COUNTER],
  capacityPerHour: decimal(100),
  multipliers: [],
  spikePercent: 100,
};

export function reading(
  at: UtcMs,
  value: string | Decimal,
  source: ReadingSource = 'stored',
  flags: readonly MeterFlag[] = [],
): Reading {
  return {
    device: 'corrector',
    quantity: 'volume.base.total',
    kind: 'counter',
    value: typeof value === 'string' ? parseDecimal(value) : value,
    unit: 'm3',
    at,
    source,
    uncertaintyMs: source === 'sampled' ? 200 : 0,
    readAt: at + 1_000,
    flags,
    raw: '00',
  };
}

export function boundary(at: UtcMs, index: string, changes: Partial<KnownBoundary> = {}): KnownBoundary {
  return { at, index: parseDecimal(index), source: 'stored', readings: [at], flags: [], ...changes };
}

/** One counter's edges over an hour. */
export function edges(from: string, to: string, changes: Partial<CounterPlan> = {}): CounterEdges[] {
  return [{ counter: { ...COUNTER, ...changes }, from: boundary(HOUR.start, from), to: boundary(HOUR.end, to) }];
}
