import type { Millis, Span, UtcMs } from './time.ts';

/** One meter in a device's place, by the serial that it told. */
export interface MeterSeen {
  readonly serial: string;
  /** When it was seen first, and last; the last to the hour. */
  readonly since: UtcMs;
  readonly until: UtcMs;
}

/** Which meters stood in a device's place. */
export interface MeterHistory {
  /** Those whose readings were kept, oldest first: the last is the one that is believed. */
  readonly meters: readonly MeterSeen[];
  /** Another one that has answered since: not believed, until the site file says that it is the meter. */
  readonly stranger?: MeterSeen;
}

/** Another meter in the place of one before; somewhere in the span nobody knows which of them stood there. */
export interface MeterExchange extends Span {
  readonly from: string;
  readonly to: string;
}

/** The exchanges that a span may hold. */
export function exchangesIn({ meters }: MeterHistory, { start, end }: Span): readonly MeterExchange[] {
  return meters
    .slice(1)
    .map(({ serial, since }, n) => ({ from: meters[n]!.serial, to: serial, start: meters[n]!.until, end: since }))
    .filter((one) => one.start < end && one.end >= start);
}

/** Since when the meter that is believed has stood there; undefined for the first that was known: nobody saw it come. */
export function standsSince({ meters }: MeterHistory): UtcMs | undefined {
  return meters.length > 1 ? meters.at(-1)?.since : undefined;
}

/** How often a meter that goes on standing there is written down: every look would be a row. */
export const SEEN_KEPT_EVERY_MS: Millis = 3_600_000;
