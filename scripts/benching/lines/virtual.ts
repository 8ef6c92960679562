import { createMbusDriver } from '../../../drivers/mbus/index.ts';
import { createModbusDriver } from '../../../drivers/modbus/index.ts';
import type { LineTraits } from '../../../src/collect/bus.ts';
import { createCollector } from '../../../src/collect/collector.ts';
import type { CollectSettings } from '../../../src/collect/settings.ts';
import type { BoundDevice } from '../../../src/device/bound.ts';
import { siteSchema } from '../../../src/device/site.ts';
import type { Clock } from '../../../src/machine/clock.ts';
import type { Entropy } from '../../../src/machine/entropy.ts';
import type { Line } from '../../../src/machine/line.ts';
import type { Log } from '../../../src/machine/log.ts';
import { simClock } from '../../../src/sim/clock.ts';
import { simEntropy } from '../../../src/sim/entropy.ts';
import { type SimLineOptions, simLine } from '../../../src/sim/line.ts';
import { createWorld } from '../../../src/sim/world.ts';

/** What a site file says when it says nothing, but as often as the line allows. */
export const FLAT_OUT: CollectSettings = {
  ...siteSchema.shape.collect.parse({}),
  everyMs: 1,
  clockOffMsMax: 60_000,
};

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => SILENT };

export interface CollectionParts {
  readonly lines: readonly {
    readonly line: Line;
    readonly traits?: LineTraits;
    readonly devices: readonly BoundDevice[];
  }[];
  readonly settings: CollectSettings;
  /** Asked after every good reading. */
  readonly onRound: (device: string) => void;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly boundaryMinutes?: 15;
}

/** The collector as the gateway has it, without what lies behind it. */
export function collectorOf({ lines, settings, onRound, clock, entropy, boundaryMinutes }: CollectionParts) {
  return createCollector({
    lines: lines.map((line, n) => ({ id: `line-${n}`, ...line })),
    drivers: new Map([createMbusDriver(), createModbusDriver()].map((driver) => [driver.protocol, driver])),
    settings,
    boundaryMinutes: () => boundaryMinutes,
    gaps: async () => [],
    sink: { keep: async ({ device }) => onRound(device) },
    clock,
    entropy,
    log: SILENT,
  });
}

export interface VirtualRun {
  /** Good readings by device. */
  readonly rounds: ReadonlyMap<string, number>;
  readonly tookMs: number;
}

/** Collects on one simulated line in virtual time until `isOver`, asked after every good reading, or for a time. */
export async function collectVirtually(
  options: Pick<SimLineOptions, 'meters' | 'pace'>,
  devices: readonly BoundDevice[],
  settings: CollectSettings,
  until: { readonly rounds: number } | { readonly virtualMs: number },
): Promise<VirtualRun> {
  const world = createWorld(1);
  const clock = simClock(world, 0);
  const line = simLine(world, { ...options, random: world.random });
  const rounds = new Map<string, number>();
  const stop = new AbortController();
  let count = 0;
  let tookMs = 0;
  const onRound = (device: string) => {
    rounds.set(device, (rounds.get(device) ?? 0) + 1);
    count += 1;
    if (!('rounds' in until) || count !== until.rounds) return;
    tookMs = world.monotonicMs();
    stop.abort();
  };
  const traits = options.pace ? { setting: options.pace.setting } : {};
  const entropy = simEntropy(world.random);
  const collector = collectorOf({ lines: [{ line, traits, devices }], settings, onRound, clock, entropy });
  await world.run(async () => {
    if ('virtualMs' in until)
      world.after(until.virtualMs, () => {
        tookMs = world.monotonicMs();
        stop.abort();
      });
    await collector.run(stop.signal);
  });
  return { rounds, tookMs };
}
