import { type Buffer, openBuffer } from '../buffer/index.ts';
import { marketDaySpan } from '../core/calendar.ts';
import { type Decimal, decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { MeterFlag, Reading, ReadingSource } from '../core/reading.ts';
import { MINUTE_MS, type UtcMs } from '../core/time.ts';
import { type Site, siteSchema } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import type { Store } from '../machine/store.ts';
import type { ChannelPlan } from '../profile/interval.ts';
import { simClock } from '../sim/clock.ts';
import { simDisk } from '../sim/store.ts';
import { createWorld } from '../sim/world.ts';
import type { PointPlan } from './plan.ts';

export const ZONE = 'Europe/Prague';
export const GAS = '27ZG500Z00000019';
export const POWER = '859182400500000017';

/** A site that says only what the stages between readings and outbox ask for. */
export function aSite(changes: Record<string, unknown> = {}): Site {
  const participant = { id: '27ZG500Z0000000B', codingScheme: '15' };
  return siteSchema.parse({
    site: 'park',
    lines: [{ id: 'line', kind: 'tcp', host: '192.0.2.1', port: 502, framing: 'mbus' }],
    devices: [{ id: 'meter', model: 'test/meter', line: 'line', address: 1 }],
    points: [{ code: GAS, commodity: 'gas', metering: 'A', device: 'meter', capacity: '100' }],
    market: { gas: { sender: participant, receiver: participant, pack: 'test' } },
    uplink: {
      kind: 'direct',
      environment: 'sandbox',
      url: 'https://operator.example/services',
      tls: { certificate: 'tls.crt', key: 'tls.key', trust: ['ca.crt'] },
      seal: { certificate: 'seal.crt', key: 'seal.key' },
      operatorCertificates: ['operator.crt'],
    },
    ...changes,
  });
}

export function aPlan(changes: Partial<ChannelPlan> = {}): ChannelPlan {
  return {
    point: GAS,
    channel: 'volume',
    minutes: 60,
    counters: [{ device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores: true }],
    capacityPerHour: decimal(100),
    multipliers: [],
    spikePercent: 100,
    ...changes,
  };
}

export function aPoint(plan: ChannelPlan = aPlan(), changes: Partial<PointPlan> = {}): PointPlan {
  const isGas = plan.channel === 'volume';
  return {
    code: plan.point,
    commodity: isGas ? 'gas' : 'electricity',
    minutes: plan.minutes,
    counted: [plan],
    published: isGas ? ['volume', 'energy'] : [plan.channel],
    limits: { staleMinutes: 60, estimatedHoursMax: 24, sumTolerance: decimal(0), clockOffMsMax: MINUTE_MS },
    watch: { device: 'meter' },
    fixedState: {},
    ...changes,
  };
}

/** Electricity of a meter that is only sampled. */
export function powerPlan(changes: Partial<ChannelPlan> = {}): ChannelPlan {
  const counter = { device: 'meter', quantity: 'energy.active.import', unit: 'kWh', stores: false } as const;
  return aPlan({ point: POWER, channel: 'import', minutes: 15, counters: [counter], ...changes });
}

export function aReading(at: UtcMs, value: string | Decimal, changes: Partial<Reading> = {}): Reading {
  return {
    device: 'meter',
    quantity: 'volume.base.total',
    kind: 'counter',
    value: typeof value === 'string' ? parseDecimal(value) : value,
    unit: 'm3',
    at,
    source: 'stored',
    uncertaintyMs: 0,
    readAt: at + 1_000,
    flags: [],
    raw: 'ab01',
    ...changes,
  };
}

export function powerReading(
  at: UtcMs,
  value: string | Decimal,
  flags: readonly MeterFlag[] = [],
  source: ReadingSource = 'sampled',
): Reading {
  return aReading(at, value, { quantity: 'energy.active.import', unit: 'kWh', source, flags });
}

export interface Bench {
  readonly buffer: Buffer;
  readonly store: Store;
  readonly clock: Clock & { stepWall(byMs: number): void };
  /** The program is started again on the same disk. */
  restart(): Promise<Bench>;
}

/** A buffer on an imagined disk, and a wall clock that a test sets. */
export async function bench(now: UtcMs): Promise<Bench> {
  const world = createWorld('app');
  const disk = simDisk(world, { random: world.random });
  const clock = simClock(world, now);
  const open = async (first: boolean): Promise<Bench> => {
    const store = await disk.open(first);
    return {
      store,
      clock,
      buffer: await openBuffer(store, { clock }),
      async restart() {
        await store.close();
        return open(false);
      },
    };
  };
  return open(true);
}

export const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

export const gasDay = (day: string) => marketDaySpan('gas', day, ZONE);
export const powerDay = (day: string) => marketDaySpan('electricity', day, ZONE);

/** What an interval says, without when and in which version it was made. */
export function told({ start, end, value, quality, findings }: Interval) {
  return { start, end, value: value && decimalText(value), quality, findings: findings.join() };
}
