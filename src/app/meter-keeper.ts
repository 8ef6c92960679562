import type { Buffer } from '../buffer/index.ts';
import { afterMeter, afterStranger, NO_METER } from '../collect/meter-history.ts';
import type { Round } from '../collect/round.ts';
import { type MeterExchange, type MeterHistory, SEEN_KEPT_EVERY_MS, standsSince } from '../core/meter-history.ts';
import type { DeviceId } from '../core/reading.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { Log } from '../machine/log.ts';

export interface MeterKeeperParts {
  readonly buffer: Pick<Buffer, 'meterHistory' | 'keepMeters'>;
  /** The serial that a device told in an earlier run of the program, where its history is gone. */
  readonly serialBefore?: ((device: DeviceId) => string | undefined) | undefined;
  /** The number in the site file of a meter that tells none: another one there is the word that it was exchanged. */
  readonly serialStated?: ((device: DeviceId) => string | undefined) | undefined;
  readonly log: Log;
}

/** Which meter stands where, as rounds tell it. */
export interface MeterKeeper {
  /** After a round; `toKeep` where that is to be written with it. */
  see(round: Round): Promise<SeenMeter>;
  /** What `see` gave is on the disk. */
  kept(device: DeviceId, seen: SeenMeter): void;
  /** When the meter was seen there first; undefined for the first of the place. */
  since(device: DeviceId): Promise<UtcMs | undefined>;
}

export interface SeenMeter {
  readonly history: MeterHistory;
  readonly toKeep?: MeterHistory;
  /** The exchange that it tells of. */
  readonly exchange?: MeterExchange;
}

interface MeterState {
  readonly history: MeterHistory;
  /** As it stands on the disk. */
  readonly onDisk: MeterHistory | undefined;
}

export function createMeterKeeper({ buffer, serialBefore, serialStated, log }: MeterKeeperParts): MeterKeeper {
  const states = new Map<DeviceId, MeterState>();

  async function stateOf(device: DeviceId, at: UtcMs): Promise<MeterState> {
    const known = states.get(device);
    if (known) return known;
    const onDisk = await buffer.meterHistory(device);
    const serial = serialBefore?.(device);
    // A history that is gone must not make the next meter the first one.
    const before = serial === undefined ? NO_METER : { meters: [{ serial, since: at, until: at }] };
    const state = { history: onDisk ?? before, onDisk };
    states.set(device, state);
    return state;
  }

  return {
    async see({ device, identity, isStranger, startedAt, endedAt }) {
      const { history: before, onDisk } = await stateOf(device, startedAt);
      const serial = identity?.serial ?? serialStated?.(device);
      if (serial === undefined) return { history: before };
      const at = Math.min(startedAt, endedAt);
      const history = isStranger ? afterStranger(before, serial, at) : afterMeter(before, serial, at);
      const exchange = exchangeBetween(before, history);
      return { history, ...(isNews(history, onDisk) && { toKeep: history }), ...(exchange && { exchange }) };
    },
    kept(device, { history, toKeep, exchange }) {
      states.set(device, { history, onDisk: toKeep ?? states.get(device)?.onDisk });
      if (!exchange) return;
      const { from, to, start, end } = exchange;
      log.warn('meter-exchanged', { device, from, to, lastSeen: isoUtc(start), firstSeen: isoUtc(end) });
    },
    async since(device) {
      return standsSince(states.get(device)?.history ?? (await buffer.meterHistory(device)) ?? NO_METER);
    },
  };
}

function exchangeBetween(before: MeterHistory, { meters }: MeterHistory): MeterExchange | undefined {
  const [old, last] = [before.meters.at(-1), meters.at(-1)];
  if (!old || !last || last.since === old.since) return undefined;
  return { from: old.serial, to: last.serial, start: old.until, end: last.since };
}

/** Whether the disk must know: another meter, or so long since the last word. */
function isNews({ meters, stranger }: MeterHistory, onDisk: MeterHistory | undefined): boolean {
  const last = meters.at(-1);
  const known = onDisk?.meters.at(-1);
  if (last?.since !== known?.since || last?.serial !== known?.serial) return true;
  if (stranger?.since !== onDisk?.stranger?.since || stranger?.serial !== onDisk?.stranger?.serial) return true;
  return Math.abs((last?.until ?? 0) - (known?.until ?? 0)) >= SEEN_KEPT_EVERY_MS;
}
