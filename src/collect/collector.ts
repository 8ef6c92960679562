import type { FieldDriver } from '../core/driver.ts';
import type { DeviceId } from '../core/reading.ts';
import type { Span } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Line } from '../machine/line.ts';
import type { Log } from '../machine/log.ts';
import type { AskedWork } from './asked.ts';
import type { LineTraits } from './bus.ts';
import { createLineCollector } from './line-collector.ts';
import { createOuttray } from './outtray.ts';
import type { CollectorStatus, Sink } from './round.ts';
import type { CollectSettings } from './settings.ts';
import { createWallWatch } from './wall-watch.ts';

/** Rounds kept in memory while the sink fails: some megabytes; at one round a second half an hour. */
const ROUNDS_MAX = 2_000;

export interface CollectorParts {
  readonly lines: readonly {
    readonly id: string;
    readonly line: Line;
    readonly traits?: LineTraits;
    readonly devices: readonly BoundDevice[];
  }[];
  /** By protocol. */
  readonly drivers: ReadonlyMap<string, FieldDriver<BoundDevice>>;
  readonly settings: CollectSettings;
  /** Length of the market intervals a device measures, in minutes; undefined for a device that only informs. */
  readonly boundaryMinutes: (device: BoundDevice) => 15 | 60 | undefined;
  /** What is missing of a device that has an archive, as spans from boundary to boundary. */
  readonly gaps: (device: BoundDevice) => Promise<readonly Span[]>;
  readonly sink: Sink;
  /** The serial that a device told in an earlier run of the program. */
  readonly serialBefore?: (device: DeviceId) => string | undefined;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
  readonly roundsMax?: number;
}

export interface Collector {
  /** Collects until aborted, then hands over what is left and closes the lines. Never rejects. To be called once. */
  run(signal: AbortSignal): Promise<void>;
  status(): CollectorStatus;
  /** Does a person's work on a line between its dialogues. Rejects with RangeError when there is no such line. */
  ask<T>(line: string, work: AskedWork<T>): Promise<T>;
}

/** All lines side by side: they share the sink and nothing else. Throws RangeError when a device's protocol has no driver. */
export function createCollector(parts: CollectorParts): Collector {
  const { clock, entropy, log, settings, boundaryMinutes, gaps } = parts;
  const outtray = createOuttray(parts.sink, clock, entropy, log, parts.roundsMax ?? ROUNDS_MAX);
  const watch = createWallWatch(clock, log);
  const lines = parts.lines.map(({ id, line, traits = {}, devices }) => {
    const driven = devices.map((device) => ({
      device,
      driver: driverOf(device, parts.drivers),
      serial: parts.serialBefore?.(device.config.id),
    }));
    return createLineCollector({
      id,
      line,
      traits,
      devices: driven,
      settings,
      boundaryMinutes,
      gaps,
      put: (round, signal) => outtray.put(round, signal),
      clock,
      watch,
      entropy,
      log,
    });
  });
  return {
    async run(signal) {
      // The tray closes after the last line has stopped, so that no round is left behind.
      const closing = new AbortController();
      const handingOver = outtray.run(closing.signal);
      // A signal for each line, and one that waits for `signal` on behalf of all: Node warns of a leak where many wait for one.
      const own = lines.map(() => new AbortController());
      const stop = () => {
        for (const each of own) each.abort(signal.reason);
      };
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop, { once: true });
      await Promise.all(lines.map((line, n) => line.run(own[n]!.signal)));
      signal.removeEventListener('abort', stop);
      closing.abort();
      await handingOver;
    },
    async ask(id, work) {
      const asked = lines.find((line) => line.status().line.line === id);
      if (!asked) throw new RangeError(`no line "${id}"`);
      return asked.ask(work);
    },
    status() {
      const all = lines.map((line) => line.status());
      return {
        lines: all.map((one) => one.line),
        devices: all.flatMap((one) => one.devices),
        roundsWaiting: outtray.waiting,
      };
    },
  };
}

function driverOf(device: BoundDevice, drivers: CollectorParts['drivers']): FieldDriver<BoundDevice> {
  const driver = drivers.get(device.model.protocol);
  if (!driver) throw new RangeError(`no driver speaks ${device.model.protocol}, which ${device.config.id} needs`);
  return driver;
}
