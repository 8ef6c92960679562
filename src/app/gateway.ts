import { mbusDriver } from '../../drivers/mbus/index.ts';
import { modbusDriver } from '../../drivers/modbus/index.ts';
import { type Bell, createBell } from '../collect/bell.ts';
import { type Collector, createCollector } from '../collect/collector.ts';
import { marketDayOf, marketDaySpan } from '../core/calendar.ts';
import type { Commodity } from '../core/interval.ts';
import { SECOND_MS, type UtcMs } from '../core/time.ts';
import { hostEntropy } from '../host/entropy.ts';
import { hostFolder } from '../host/folder.ts';
import { tcpLine } from '../host/line-tcp.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { createCloser, firstDayOf } from './closer.ts';
import { gapsOf } from './gaps.ts';
import { type PointPlan, planPoints } from './plan.ts';
import { createProfiler } from './profiler.ts';
import type { LoadedSite } from './site-files.ts';
import { runStage } from './stage.ts';
import { openState, type State, stateFolder } from './state.ts';
import { writeStatus } from './status.ts';
import { createUplink, loadUplinkCredentials } from './uplink.ts';

const DRIVERS = new Map([mbusDriver, modbusDriver].map((driver) => [driver.protocol, driver]));
const COMMODITIES: readonly Commodity[] = ['gas', 'electricity'];
/** Real time between two writings of the status file. */
const STATUS_EVERY_MS = 2 * SECOND_MS;

/**
 * The gateway: every stage on one buffer, until the signal aborts. Stages do not know each other; each is woken when the
 * journal it follows grows. Rejects when something is wrong that waiting cannot mend.
 */
export async function runGateway(loaded: LoadedSite, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  const credentials = await loadUplinkCredentials(loaded);
  const state = await openState(loaded, clock, log, true);
  const entropy = hostEntropy();
  const points = planPoints(loaded.site, loaded.devices);
  const bells = { readings: createBell(), intervals: createBell() };
  const collector = assembleCollector(loaded, points, state, clock, log);
  const sender = createUplink(
    { loaded, outbox: state.buffer.outbox, clock, entropy, log, alert: () => {} },
    credentials,
  );
  const stopListening = state.buffer.onChange((streams) => {
    if (streams.has('readings')) bells.readings.ring();
    if (streams.has('intervals') || streams.has('delivery')) bells.intervals.ring();
    if (streams.has('delivery')) sender.wake();
  });
  // One stage that fails for good stops the others, so that the store is closed before the process ends.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const stage = (work: Promise<void>) =>
    work.catch((error: unknown) => {
      failed.abort(error);
      throw error;
    });
  const stages = [
    stage(collector.run(either)),
    ...profileStages(loaded, points, state, bells, clock, log).map(({ name, bell, pass }) =>
      stage(runStage({ name, pass, bell, clock, entropy, log }, either)),
    ),
    stage(sender.run(either)),
    stage(keepStatus(loaded, collector, state, clock, either)),
  ];
  log.info('gateway-ready', { site: loaded.site.site, points: points.length, devices: loaded.devices.size });
  try {
    await Promise.all(stages);
  } finally {
    await Promise.allSettled(stages);
    stopListening();
    await state.close();
    log.info('gateway-stopped', {});
  }
}

function assembleCollector(
  loaded: LoadedSite,
  points: readonly PointPlan[],
  state: State,
  clock: Clock,
  log: Log,
): Collector {
  const { site, devices } = loaded;
  const plansOf = (device: string) =>
    points.filter((point) => point.counted.some((plan) => plan.counters.some((counter) => counter.device === device)));
  return createCollector({
    lines: site.lines.map(({ id, host, port, connectWithinMs }) => ({
      id,
      line: tcpLine({ host, port, connectWithinMs }),
      devices: [...devices.values()].filter((device) => device.config.line === id),
    })),
    drivers: DRIVERS,
    settings: { ...site.collect, clockOffMsMax: site.profile.clockOffMsMax },
    boundaryMinutes: (device) => {
      const minutes = plansOf(device.config.id).map((point) => point.minutes);
      return minutes.length === 0 ? undefined : Math.min(...minutes) === 15 ? 15 : 60;
    },
    gaps: async (device) => {
      const plans = plansOf(device.config.id);
      const starts = plans.map(
        (point) => marketDaySpan(point.commodity, firstDayOf(point, state.installedAt, site.zone), site.zone).start,
      );
      return gapsOf(device, plans, state.buffer, Math.min(...starts), clock.now());
    },
    sink: {
      async keep(round) {
        const { written } = await state.buffer.keepRound(round.readings);
        log.info('round-kept', { device: round.device, readings: written });
      },
    },
    clock,
    entropy: hostEntropy(),
    log,
  });
}

interface Stage {
  readonly name: string;
  readonly bell: Bell;
  readonly pass: () => Promise<UtcMs | undefined>;
}

function profileStages(
  loaded: LoadedSite,
  points: readonly PointPlan[],
  state: State,
  bells: { readonly readings: Bell; readonly intervals: Bell },
  clock: Clock,
  log: Log,
): Stage[] {
  const { site, packs } = loaded;
  const { buffer, installedAt } = state;
  const profiler = createProfiler({ site, points, buffer, clock });
  const closer = createCloser({ site, points, packs, buffer, profiler, clock, log, installedAt });
  return [
    {
      name: 'profile',
      bell: bells.readings,
      async pass() {
        const count = await profiler.follow();
        if (count > 0) log.info('intervals-made', { count });
        return undefined;
      },
    },
    {
      name: 'close',
      bell: bells.intervals,
      async pass() {
        await closer.closeDays();
        return nextClose(site.zone, site.sendAfterMs, clock.now());
      },
    },
  ];
}

/** When the next market day of either commodity is to be closed. */
function nextClose(zone: string, sendAfterMs: number, now: UtcMs): UtcMs {
  const ends = COMMODITIES.map(
    (commodity) => marketDaySpan(commodity, marketDayOf(commodity, now - sendAfterMs, zone), zone).end,
  );
  return Math.min(...ends) + sendAfterMs;
}

async function keepStatus(
  loaded: LoadedSite,
  collector: Collector,
  state: State,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const folder = hostFolder(stateFolder(loaded));
  while (!signal.aborted) {
    await writeStatus(folder, loaded, collector.status(), state, clock.now());
    await clock.sleep(STATUS_EVERY_MS, signal).catch(() => {});
  }
}
