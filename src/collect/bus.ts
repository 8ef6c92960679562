import type { LineSetting } from '../core/driver.ts';
import type { Millis, MonotonicMs } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { Clock } from '../machine/clock.ts';
import { type Line, sameSetting, wireMs } from '../machine/line.ts';
import { echoLine } from './echo-line.ts';

/** What the site file says of a line beside how to open it. */
export interface LineTraits {
  /** How the wire is set; not known of every wire behind a converter. */
  readonly setting?: LineSetting;
  readonly echo?: boolean;
}

export interface LineBytes {
  opens: number;
  bytesSent: number;
  bytesReceived: number;
}

/** Who is spoken to next, as far as the line must know: a device of the site, or whoever answers a scan. */
export interface Addressee {
  readonly framing: BoundDevice['framing'];
  readonly config: Pick<BoundDevice['config'], 'setting'>;
  readonly model: Pick<BoundDevice['model'], 'line'>;
}

/** A line as dialogues use it: counted, without echo, at rest between two frames, and set as each device wants it. */
export interface Bus extends Line {
  /** To be called before each dialogue on the open line. It also undoes what the last dialogue set for itself. */
  prepare(device: Addressee, signal: AbortSignal): Promise<void>;
}

export function createBus(line: Line, clock: Clock, traits: LineTraits, count: LineBytes): Bus {
  const counted = countedLine(line, count);
  const wire = traits.echo ? echoLine(counted, clock) : counted;
  let current = traits.setting;
  let restMs: Millis = 0;
  /** When the last byte came. */
  let quietSince: MonotonicMs = Number.NEGATIVE_INFINITY;

  return {
    get isOpen() {
      return line.isOpen;
    },
    async open(signal) {
      if (line.isOpen) return;
      await wire.open(signal);
      current = traits.setting;
    },
    async write(bytes, signal) {
      const leftMs = quietSince + restMs - clock.monotonicMs();
      if (leftMs > 0) await clock.sleep(leftMs, signal);
      await wire.write(bytes, signal);
    },
    async read(withinMs, signal) {
      const bytes = await wire.read(withinMs, signal);
      if (bytes.length > 0) quietSince = clock.monotonicMs();
      return bytes;
    },
    drain: (quietMs, atMostMs, signal) => wire.drain(quietMs, atMostMs, signal),
    async set(setting, signal) {
      await wire.set(setting, signal);
      current = setting;
    },
    close: () => line.close(),
    async prepare(device, signal) {
      const wanted = settingOf(device, traits.setting);
      restMs = restBetweenFrames(device.framing, wanted);
      if (!wanted || (current && sameSetting(current, wanted))) return;
      await wire.set(wanted, signal);
      current = wanted;
    },
  };
}

function settingOf({ config, model }: Addressee, ofLine: LineSetting | undefined): LineSetting | undefined {
  // The wire behind a converter whose setting nobody stated is set by whoever set the converter.
  return ofLine && (config.setting ?? model.line ?? ofLine);
}

/** The silence that the wire needs after an answer, before the next request. */
function restBetweenFrames(framing: BoundDevice['framing'], setting: LineSetting | undefined): Millis {
  if (!setting || framing === 'modbus-tcp') return 0;
  // MODBUS over Serial Line V1.02, clause 2.5.1.1: 3.5 characters; 1.750 ms above 19200 Bd.
  if (framing === 'modbus-rtu') return setting.baud > 19_200 ? 1.75 : wireMs(setting, 3.5);
  // One character: what EN 13757-2 asks of a meter before it answers, and a converter needs to turn round.
  return wireMs(setting, 1);
}

function countedLine(line: Line, count: LineBytes): Line {
  return {
    get isOpen() {
      return line.isOpen;
    },
    async open(signal) {
      await line.open(signal);
      count.opens += 1;
    },
    async write(bytes, signal) {
      await line.write(bytes, signal);
      count.bytesSent += bytes.length;
    },
    async read(withinMs, signal) {
      const bytes = await line.read(withinMs, signal);
      count.bytesReceived += bytes.length;
      return bytes;
    },
    async drain(quietMs, atMostMs, signal) {
      const bytes = await line.drain(quietMs, atMostMs, signal);
      count.bytesReceived += bytes;
      return bytes;
    },
    set: (setting, signal) => line.set(setting, signal),
    close: () => line.close(),
  };
}
