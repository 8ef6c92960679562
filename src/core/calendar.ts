import { Temporal } from 'temporal-polyfill';
import type { Commodity } from './interval.ts';
import { cut } from './schedule.ts';
import type { MarketDay, Span, UtcMs } from './time.ts';

/**
 * The only place that knows local time. Market days are named by the local date on which they start:
 * the electricity day at 00:00 (92, 96 or 100 quarter-hours), the gas day at 06:00 (23, 24 or 25 hours; the odd ones
 * start on the Saturday before the switch).
 */
export const DAY_STARTS_AT_HOUR: Record<Commodity, number> = { electricity: 0, gas: 6 };

/** Local wall time as a meter shows it; month 1..12. */
export interface LocalTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

export function marketDaySpan(commodity: Commodity, day: MarketDay, zone: string): Span {
  const date = Temporal.PlainDate.from(day, { overflow: 'reject' });
  return { start: dayStart(commodity, date, zone), end: dayStart(commodity, date.add({ days: 1 }), zone) };
}

export function marketIntervals(commodity: Commodity, day: MarketDay, zone: string, minutes: number): Span[] {
  return cut(marketDaySpan(commodity, day, zone), minutes);
}

/** The market day that an instant belongs to. */
export function marketDayOf(commodity: Commodity, at: UtcMs, zone: string): MarketDay {
  const local = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
  const date = local.toPlainDate();
  return (local.hour < DAY_STARTS_AT_HOUR[commodity] ? date.subtract({ days: 1 }) : date).toString();
}

export function shiftDay(day: MarketDay, days: number): MarketDay {
  return Temporal.PlainDate.from(day).add({ days }).toString();
}

/** What a clock on the wall in `zone` shows. */
export function localTime(at: UtcMs, zone: string): LocalTime {
  const { year, month, day, hour, minute, second } =
    Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
  return { year, month, day, hour, minute, second };
}

/** `2026-03-28T06:00:00+01:00` in the zone's offset of that instant. */
export function isoLocal(at: UtcMs, zone: string): string {
  return Temporal.Instant.fromEpochMilliseconds(at)
    .toZonedDateTimeISO(zone)
    .toString({ timeZoneName: 'never', smallestUnit: 'second' });
}

/** Minutes east of UTC at an instant. */
export function offsetMinutes(at: UtcMs, zone: string): number {
  return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone).offsetNanoseconds / 60e9;
}

/**
 * How a meter's clock runs: `local` follows the summer switch, `winter` stays on standard time, `utc` is UTC.
 */
export type MeterClockMode = 'local' | 'winter' | 'utc';

/**
 * A meter's wall time as an instant, or undefined when no such time exists (spring gap, 31 February).
 *
 * @param hint resolves the autumn hour that happens twice: by the meter's own summer bit if it sends one, else the later
 *   candidate unless that lies after `near`. For a stamp that was just read `near` is now plus what the meter's clock may be
 *   ahead; a stamp out of an archive needs an instant shortly after the one that is meant, which its neighbours tell.
 */
export function meterTimeToUtc(
  local: LocalTime,
  zone: string,
  mode: MeterClockMode,
  hint: { readonly summer?: boolean; readonly near: UtcMs },
): UtcMs | undefined {
  const plain = plainDateTime(local);
  if (!plain) return undefined;
  if (mode === 'utc') return plain.toZonedDateTime('UTC').epochMilliseconds;
  if (mode === 'winter') return plain.toZonedDateTime('UTC').epochMilliseconds - standardOffsetMs(local.year, zone);
  const earlier = plain.toZonedDateTime(zone, { disambiguation: 'earlier' });
  if (!earlier.toPlainDateTime().equals(plain)) return undefined;
  const later = plain.toZonedDateTime(zone, { disambiguation: 'later' });
  if (earlier.epochMilliseconds === later.epochMilliseconds) return earlier.epochMilliseconds;
  if (hint.summer !== undefined) return (hint.summer ? earlier : later).epochMilliseconds;
  return (later.epochMilliseconds <= hint.near ? later : earlier).epochMilliseconds;
}

function plainDateTime(local: LocalTime): Temporal.PlainDateTime | undefined {
  try {
    return Temporal.PlainDateTime.from(local, { overflow: 'reject' });
  } catch {
    return undefined;
  }
}

/** Standard ("winter") time is the zone's smaller offset of the year. */
function standardOffsetMs(year: number, zone: string): number {
  const offsets = [1, 7].map(
    (month) => Temporal.ZonedDateTime.from({ year, month, day: 1, timeZone: zone }).offsetNanoseconds,
  );
  return Math.min(...offsets) / 1e6;
}

function dayStart(commodity: Commodity, date: Temporal.PlainDate, zone: string): UtcMs {
  const plainTime = Temporal.PlainTime.from({ hour: DAY_STARTS_AT_HOUR[commodity] });
  return date.toZonedDateTime({ timeZone: zone, plainTime }).epochMilliseconds;
}
