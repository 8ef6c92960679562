import type { MeterHistory, MeterSeen } from '../core/meter-history.ts';
import type { Reading } from '../core/reading.ts';
import type { UtcMs } from '../core/time.ts';
import { normalSerial } from './readings.ts';

/**
 * What one meter shows and what the next one in its place shows have nothing to do with each other, whether the index went up or
 * down. So it is remembered, also over a restart, which meter stood where and since when, and every reading of a meter that took
 * another's place says so.
 */

export const NO_METER: MeterHistory = { meters: [] };
/** Nobody exchanges a meter so often; the oldest are forgotten. */
const METERS_MAX = 50;

/** After a dialogue with a meter that is believed. */
export function afterMeter(history: MeterHistory, serial: string, at: UtcMs): MeterHistory {
  const { meters, stranger } = history;
  const last = meters.at(-1);
  if (last && isSame(last.serial, serial)) return { meters: [...meters.slice(0, -1), seenAgain(last, at)] };
  // It may have stood there, and been refused, long before the site file named it.
  const since = stranger && isSame(stranger.serial, serial) ? Math.min(stranger.since, at) : at;
  return { meters: [...meters, { serial, since, until: at }].slice(-METERS_MAX) };
}

/** After a dialogue with a meter that is not believed. */
export function afterStranger(history: MeterHistory, serial: string, at: UtcMs): MeterHistory {
  const { meters, stranger } = history;
  const seen = stranger && isSame(stranger.serial, serial) ? seenAgain(stranger, at) : undefined;
  return { meters, stranger: seen ?? { serial, since: at, until: at } };
}

function seenAgain(meter: MeterSeen, at: UtcMs): MeterSeen {
  return { ...meter, until: Math.max(meter.until, at) };
}

function isSame(one: string, other: string): boolean {
  return normalSerial(one) === normalSerial(other);
}

/**
 * The readings as they are of a meter that took another's place: what it froze before it was seen there it may have counted in the
 * workshop, or at another point.
 * @param since when it was seen there first; undefined for the first meter of the place
 */
export function ofMeterSince(
  readings: readonly Reading[],
  since: UtcMs | undefined,
): { readonly own: readonly Reading[]; readonly before: readonly Reading[] } {
  if (since === undefined) return { own: readings, before: [] };
  const isBefore = ({ source, at }: Reading) => source === 'stored' && at < since;
  return {
    own: readings.filter((one) => !isBefore(one)).map((one) => ({ ...one, meterSince: since })),
    before: readings.filter(isBefore),
  };
}
