import { createMbusDriver } from '../../drivers/mbus/index.ts';
import { createModbusDriver } from '../../drivers/modbus/index.ts';
import type { Buffer } from '../buffer/index.ts';
import { createBell } from '../collect/bell.ts';
import { type Collector, createCollector } from '../collect/collector.ts';
import type { CollectorStatus } from '../collect/round.ts';
import { marketDaySpan } from '../core/calendar.ts';
import type { FieldDriver } from '../core/driver.ts';
import type { Millis, UtcMs } from '../core/time.ts';
import { type BoundDevice, tellsSerial } from '../device/bound.ts';
import type { LineConfig } from '../device/site.ts';
import { childAbort } from '../machine/abort.ts';
import type { Box } from '../machine/box.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Line } from '../machine/line.ts';
import type { Log } from '../machine/log.ts';
import type { RelaySeen, WholeStatus } from '../uplink/relay/status.ts';
import type { UplinkAlert } from '../uplink/sender.ts';
import { createCloser, firstDayOf } from './closer.ts';
import type { Desk } from './desk.ts';
import { createGapMemory, gapsOf } from './gaps.ts';
import { type HeatSupply, siteHeat } from './heat.ts';
import { createHeatPass } from './heat-stage.ts';
import type { HeldDays } from './held.ts';
import { createLastAnswer, type LastAnswer } from './last-answer.ts';
import { createMaintenance, type Maintenance, type MaintenanceParts } from './maintenance.ts';
import { createOldestOpen } from './oldest-open.ts';
import { createOutcomes, type OutcomeCount } from './outcomes.ts';
import { type PointPlan, planPoints } from './plan.ts';
import { createProfiler } from './profiler.ts';
import { programVersion } from './project.ts';
import { createRoundKeeper, type RoundKeeper } from './round-keeper.ts';
import type { Serials } from './serials.ts';
import { bufferSink } from './sink.ts';
import type { LoadedSite } from './site-files.ts';
import { type SiteStatusParts, siteStatus } from './site-status.ts';
import { type Pass, passesOf, runStage } from './stage.ts';
import { type Deliver, type RelayParts, wayOf } from './way.ts';

const NO_BOX: Box = { facts: async () => ({ uptimeMs: 0, memoryBytes: 0 }) };

/** What a gateway runs on: the real machine or the imagined one. */
export interface GatewayParts
  extends Pick<MaintenanceParts, 'lastRepair' | 'damagedAtStart' | 'writtenByProcess' | 'writtenBefore'> {
  readonly loaded: Pick<LoadedSite, 'site' | 'devices' | 'packs' | 'laterPacks'>;
  readonly buffer: Buffer;
  /** When the gateway was installed: days that began before it are not answered for unless the site file says so. */
  readonly installedAt: UtcMs;
  /** The serials that the meters told, also in earlier runs. */
  readonly serials?: Serials;
  /** Days that a restored gateway does not send by itself. */
  readonly held?: Pick<HeldDays, 'hold'>;
  readonly lineOf: (line: LineConfig) => Line;
  /** One try to hand a message to the operator; absent where the site speaks over a relay. */
  readonly deliver?: Deliver;
  readonly relay?: RelayParts;
  /** What a relay's status tells beside what the stages know. */
  readonly box?: Box;
  readonly certificates?: SiteStatusParts['certificates'];
  /** Where combustion heat comes from; the site file alone where absent. */
  readonly heat?: HeatSupply;
  readonly alert: (alert: UplinkAlert) => void;
  /** The longest wait of the lines and of the sender without a look; as they think best where absent. */
  readonly waitMostMs?: Millis;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

export interface Gateway {
  /** Runs every stage until the signal aborts. Rejects when something is wrong that waiting cannot mend. To be called once. */
  run(signal: AbortSignal): Promise<void>;
  status(): CollectorStatus;
  /** What held messages back is gone: they are looked at now, not at the next look. */
  wakeSender(): void;
  /** What a relay's status tells; it reads a day of every point. */
  siteStatus(): Promise<WholeStatus>;
  /** How well the relay is heard; undefined where none is used. */
  relaySeen(): RelaySeen | undefined;
  /** How tries to deliver ended since the start. */
  outcomes(): readonly OutcomeCount[];
  readonly maintenance: Pick<Maintenance, 'status'>;
  readonly lastAnswer: () => Promise<LastAnswer | undefined>;
  /** Where people's questions are answered while it runs. */
  readonly desk: Desk;
  /** Does a person's work on a line between its dialogues, see Collector. */
  readonly ask: Collector['ask'];
  /** Keeps what such work has read, as the lines' own rounds are kept. */
  readonly keepRound: RoundKeeper['keep'];
  /** By protocol: one driver for everybody, so that no two requests have one transaction id. */
  readonly drivers: ReadonlyMap<string, FieldDriver<BoundDevice>>;
}

/** Every stage on one buffer. Stages do not know each other; each is woken when the journal it follows grows. */
export function createGateway(parts: GatewayParts): Gateway {
  const { loaded, buffer, clock, entropy, log } = parts;
  const { site } = loaded;
  const points = planPoints(site, loaded.devices);
  const drivers = new Map([createMbusDriver(), createModbusDriver()].map((driver) => [driver.protocol, driver]));
  const keeper = createRoundKeeper({
    buffer,
    clockOffMsMax: site.profile.clockOffMsMax,
    localZone(id) {
      const device = loaded.devices.get(id);
      return device?.model.clock === 'local' ? device.zone : undefined;
    },
    serialBefore: parts.serials?.of,
    serialStated(id) {
      const device = loaded.devices.get(id);
      return device && !tellsSerial(device.model) ? device.config.serial : undefined;
    },
    log,
  });
  const collector = assembleCollector(parts, points, drivers, keeper);
  const supply = parts.heat ?? siteHeat(site);
  const profiler = createProfiler({ site, points, buffer, clock, heatOn: supply.on });
  const closer = createCloser({ ...parts, ...loaded, points, profiler });
  const lastAnswer = createLastAnswer(buffer, site.zone, () => clock.now());
  const oldestOpen = createOldestOpen({ ...parts, site, points });
  const told = { box: NO_BOX, certificates: [], ...parts, site: site.site, points, lastAnswer, oldestOpen };
  const status = (seen: RelaySeen | undefined) =>
    siteStatus({ ...told, version: programVersion(), seen }, collector.status(), clock.now());
  const outcomes = createOutcomes();
  const sender = wayOf(parts, outcomes.of(buffer.outbox), status);
  const bells = { readings: createBell(), intervals: createBell() };
  const heat = {
    name: 'heat',
    bell: createBell(),
    pass: createHeatPass({ site, supply, profiler, buffer, clock, log }),
  };
  const passes = [...passesOf({ site, profiler, closer, bells, clock, log }), heat];
  const maintenance = createMaintenance({ ...parts, storage: site.storage, points, finishLost: profiler.finishLost });
  return {
    status: collector.status,
    wakeSender: () => sender.wake(),
    siteStatus: () => status(sender.seen?.()),
    relaySeen: () => sender.seen?.(),
    outcomes: outcomes.counts,
    maintenance,
    lastAnswer,
    ask: collector.ask,
    keepRound: keeper.keep,
    drivers,
    desk: {
      site,
      points,
      buffer,
      heatOn: supply.on,
      now: () => clock.now(),
      installedAt: parts.installedAt,
      alone: profiler.alone,
    },
    async run(signal) {
      const stopListening = buffer.onChange((streams) => {
        if (streams.has('readings') || streams.has('samples')) bells.readings.ring();
        if (streams.has('intervals') || streams.has('delivery')) bells.intervals.ring();
        if (streams.has('delivery')) sender.wake();
      });
      const stage = (pass: Pass) => (either: AbortSignal) => runStage({ ...pass, clock, entropy, log }, either);
      try {
        await runTogether([collector.run, ...passes.map(stage), sender.run, maintenance.run], signal);
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
  const either = childAbort(signal);
  const running = stages.map(async (stage) => {
    try {
      await stage(either.signal);
    } catch (error) {
      either.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(running);
  either.release();
  await Promise.all(running);
}

function assembleCollector(
  { loaded, buffer, installedAt, lineOf, waitMostMs, serials, clock, entropy, log }: GatewayParts,
  points: readonly PointPlan[],
  drivers: Gateway['drivers'],
  keeper: RoundKeeper,
): Collector {
  const { site, devices } = loaded;
  const pointsOf = ({ config }: BoundDevice) =>
    points.filter((point) =>
      point.counted.some((plan) => plan.counters.some((counter) => counter.device === config.id)),
    );
  const gapMemory = createGapMemory();
  return createCollector({
    lines: site.lines.map((line) => ({
      id: line.id,
      line: lineOf(line),
      traits: { echo: line.echo, ...(line.setting ? { setting: line.setting } : {}) },
      devices: [...devices.values()].filter((device) => device.config.line === line.id),
    })),
    drivers,
    settings: {
      ...site.collect,
      clockOffMsMax: site.profile.clockOffMsMax,
      ...(waitMostMs !== undefined && { waitMostMs }),
    },
    boundaryMinutes(device) {
      const minutes = pointsOf(device).map((point) => point.minutes);
      return minutes.length === 0 ? undefined : minutes.includes(15) ? 15 : 60;
    },
    async gaps(device) {
      const here = pointsOf(device);
      const starts = here.map(
        (point) => marketDaySpan(point.commodity, firstDayOf(point, installedAt, site.zone), site.zone).start,
      );
      // What is missing from before the meter stood there, its archive does not know.
      const since = Math.max(Math.min(...starts), (await keeper.meterSince(device.config.id)) ?? 0);
      return gapsOf(device, here, buffer, since, clock.now(), gapMemory);
    },
    ...(serials && { serialBefore: serials.of }),
    sink: bufferSink(keeper, serials, log),
    clock,
    entropy,
    log,
  });
}
