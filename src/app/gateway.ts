import { mbusDriver } from '../../drivers/mbus/index.ts';
import { createModbusDriver } from '../../drivers/modbus/index.ts';
import type { Buffer } from '../buffer/index.ts';
import { createBell } from '../collect/bell.ts';
import { type Collector, createCollector } from '../collect/collector.ts';
import type { CollectorStatus } from '../collect/round.ts';
import { marketDaySpan } from '../core/calendar.ts';
import type { Message } from '../core/message.ts';
import type { UtcMs } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { LineConfig } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Line } from '../machine/line.ts';
import type { Log } from '../machine/log.ts';
import type { Delivery } from '../uplink/direct.ts';
import { createSender, type UplinkAlert } from '../uplink/sender.ts';
import { createCloser, firstDayOf } from './closer.ts';
import { gapsOf } from './gaps.ts';
import { holdOf } from './hold.ts';
import { type PointPlan, planPoints } from './plan.ts';
import { createProfiler } from './profiler.ts';
import type { LoadedSite } from './site-files.ts';
import { type Pass, passesOf, runStage } from './stage.ts';

/** What a gateway runs on: the real machine or the imagined one. */
export interface GatewayParts {
  readonly loaded: Pick<LoadedSite, 'site' | 'devices' | 'packs'>;
  readonly buffer: Buffer;
  /** When the gateway was installed: days that began before it are not answered for unless the site file says so. */
  readonly installedAt: UtcMs;
  readonly lineOf: (line: LineConfig) => Line;
  /** One try to hand a message to the operator. */
  readonly deliver: (message: Message, signal: AbortSignal) => Promise<Delivery>;
  readonly alert: (alert: UplinkAlert) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface Gateway {
  /** Runs every stage until the signal aborts. Rejects when something is wrong that waiting cannot mend. To be called once. */
  run(signal: AbortSignal): Promise<void>;
  status(): CollectorStatus;
}

/** Every stage on one buffer. Stages do not know each other; each is woken when the journal it follows grows. */
export function createGateway(parts: GatewayParts): Gateway {
  const { loaded, buffer, clock, entropy, log } = parts;
  const { site, packs } = loaded;
  const points = planPoints(site, loaded.devices);
  const collector = assembleCollector(parts, points);
  const profiler = createProfiler({ site, points, buffer, clock });
  const closer = createCloser({ ...parts, site, points, packs, profiler });
  const sender = createSender({
    outbox: buffer.outbox,
    clock,
    entropy,
    log,
    retry: site.uplink.retry,
    deliver: parts.deliver,
    hold: holdOf(site.uplink.environment, packs),
    alert: parts.alert,
  });
  const bells = { readings: createBell(), intervals: createBell() };
  const passes = passesOf({ site, profiler, closer, bells, clock, log });
  return {
    status: collector.status,
    async run(signal) {
      const stopListening = buffer.onChange((streams) => {
        if (streams.has('readings')) bells.readings.ring();
        if (streams.has('intervals') || streams.has('delivery')) bells.intervals.ring();
        if (streams.has('delivery')) sender.wake();
      });
      const stage = (pass: Pass) => (either: AbortSignal) => runStage({ ...pass, clock, entropy, log }, either);
      try {
        await runTogether([collector.run, ...passes.map(stage), sender.run], signal);
      } finally {
        stopListening();
      }
    },
  };
}

/** Runs all until the signal aborts. One that fails stops the others first, so that the store can be closed behind them. */
async function runTogether(
  stages: readonly ((signal: AbortSignal) => Promise<void>)[],
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const running = stages.map(async (stage) => {
    try {
      await stage(either);
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(running);
  await Promise.all(running);
}

function assembleCollector(
  { loaded, buffer, installedAt, lineOf, clock, entropy, log }: GatewayParts,
  points: readonly PointPlan[],
): Collector {
  const { site, devices } = loaded;
  const pointsOf = ({ config }: BoundDevice) =>
    points.filter((point) =>
      point.counted.some((plan) => plan.counters.some((counter) => counter.device === config.id)),
    );
  return createCollector({
    lines: site.lines.map((line) => ({
      id: line.id,
      line: lineOf(line),
      traits: { echo: line.echo, ...(line.setting ? { setting: line.setting } : {}) },
      devices: [...devices.values()].filter((device) => device.config.line === line.id),
    })),
    drivers: new Map([mbusDriver, createModbusDriver()].map((driver) => [driver.protocol, driver])),
    settings: { ...site.collect, clockOffMsMax: site.profile.clockOffMsMax },
    boundaryMinutes(device) {
      const minutes = pointsOf(device).map((point) => point.minutes);
      return minutes.length === 0 ? undefined : minutes.includes(15) ? 15 : 60;
    },
    async gaps(device) {
      const here = pointsOf(device);
      const starts = here.map(
        (point) => marketDaySpan(point.commodity, firstDayOf(point, installedAt, site.zone), site.zone).start,
      );
      return gapsOf(device, here, buffer, Math.min(...starts), clock.now());
    },
    sink: {
      async keep(round) {
        const { written } = await buffer.keepRound(round.readings);
        log.info('round-kept', { device: round.device, readings: written });
      },
    },
    clock,
    entropy,
    log,
  });
}
