import { localTime, meterTimeToUtc } from '../../core/calendar.ts';
import type { Commodity } from '../../core/interval.ts';
import { lastBoundary } from '../../core/schedule.ts';
import { MINUTE_MS, type UtcMs } from '../../core/time.ts';
import type { LoadCurve } from './load.ts';
import { meterOnBus } from './mbus-bus.ts';
import { integer, type RecordData, record, typeF } from './mbus-encode.ts';

/**
 * A simulated M-Bus meter (EN 13757-2/-3): answers at its primary address, and by its number, with one variable-data telegram
 * that carries the index now, the meter's time, and the indexes it froze at the last full periods (storage 1 is the newest).
 * Written apart from the driver on purpose, so that a fault in one does not hide in the other.
 */
export interface MbusMeterConfig {
  readonly address: number;
  /** Eight digits. */
  readonly serial: string;
  readonly commodity: Commodity;
  readonly zone: string;
  readonly load: LoadCurve;
  /** How long one frozen period is, and how many the meter keeps. */
  readonly periodMinutes: number;
  readonly periodsKept: number;
  /** The status byte of its header; nothing to tell where it is left out. */
  readonly status?: (now: UtcMs) => number;
  /** The newest instant for which it has frozen anything; `now` where it is left out. */
  readonly frozenUpTo?: (now: UtcMs) => UtcMs;
}

/** Bytes in, the answer (or silence) out; `now` is the meter's own clock. */
export type SimulatedMeter = (request: Uint8Array, now: UtcMs) => Uint8Array | undefined;

const MEDIUM: Record<Commodity, number> = { gas: 0x03, electricity: 0x02 };
/** Primary VIF of the index: volume in litres (0x13), energy in Wh (0x03). */
const INDEX_VIF: Record<Commodity, number> = { gas: 0x13, electricity: 0x03 };
const DATE_TIME_VIF = 0x6d;

export function mbusMeter(config: MbusMeterConfig): SimulatedMeter {
  const { address, serial, commodity, status } = config;
  return meterOnBus({
    ...{ id: serial, manufacturer: 'ODE', version: 1, medium: MEDIUM[commodity], primary: address },
    telegrams: (now) => [records(config, now)],
    ...(status && { status }),
  });
}

function records(config: MbusMeterConfig, now: UtcMs): number[] {
  const newest = lastBoundary(config.frozenUpTo?.(now) ?? now, config.periodMinutes);
  const frozen = Array.from({ length: config.periodsKept }, (_, n) => newest - n * config.periodMinutes * MINUTE_MS);
  return [
    ...indexRecord(config, 0, now),
    ...dateTimeRecord(config, 0, now),
    ...frozen.flatMap((at, n) => [...indexRecord(config, n + 1, at), ...dateTimeRecord(config, n + 1, at)]),
  ];
}

function indexRecord(config: MbusMeterConfig, storage: number, at: UtcMs): number[] {
  return record({ storage, vif: [INDEX_VIF[config.commodity]], data: integer(config.load.indexAt(at), 4) });
}

function dateTimeRecord(config: MbusMeterConfig, storage: number, at: UtcMs): number[] {
  return record({ storage, vif: [DATE_TIME_VIF], data: shownTime(at, config.zone) });
}

/** So many stamps are kept: a bus of meters shows the same full hours again and again. */
const STAMPS_MAX = 1_000;
const stamps = new Map<string, RecordData>();

function shownTime(at: UtcMs, zone: string): RecordData {
  // Type F has no seconds.
  const key = `${zone} ${Math.floor(at / MINUTE_MS)}`;
  const known = stamps.get(key) ?? typeF({ ...localTime(at, zone), summer: isSummer(at, zone) });
  if (stamps.size >= STAMPS_MAX) stamps.clear();
  stamps.set(key, known);
  return known;
}

/** Summer time is the time that a clock kept on standard time would not show. */
function isSummer(at: UtcMs, zone: string): boolean {
  return meterTimeToUtc(localTime(at, zone), zone, 'winter', { near: at }) !== Math.floor(at / 1000) * 1000;
}
