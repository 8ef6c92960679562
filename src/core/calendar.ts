import { Temporal } from 'temporal-polyfill';
import type { Commodity } from './interval.ts';
import { rememberingUpTo } from './remember.ts';
import { cut } from './schedule.ts';
import { HOUR_MS, type MarketDay, MINUTE_MS, type Millis, type Span, type UtcMs } from './time.ts';

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

/** Asked for again and again with few answers: the same days by every point, the same offset all day long. */
const MEMORY_MAX = 4_000;

function remembered<T>(memory: Map<string, T>, key: string, make: () => T): T {
  const known = memory.get(key);
  if (known !== undefined) return known;
  if (memory.size >= MEMORY_MAX) memory.clear();
  const made = make();
  memory.set(key, made);
  return made;
}

const spans = new Map<string, Span>();
const shifted = new Map<string, MarketDay>();

export function marketDaySpan(commodity: Commodity, day: MarketDay, zone: string): Span {
  return remembered(spans, `${commodity} ${day} ${zone}`, () => {
    const { date, next } = withNext(day);
    return { start: dayStart(commodity, date, zone), end: dayStart(commodity, next, zone) };
  });
}

/** Throws RangeError for what is no date. */
function withNext(day: MarketDay): { date: MarketDay; next: MarketDay } {
  const date = Temporal.PlainDate.from(day, { overflow: 'reject' });
  return { date: date.toString(), next: date.add({ days: 1 }).toString() };
}

export function marketIntervals(commodity: Commodity, day: MarketDay, zone: string, minutes: number): Span[] {
  return cut(marketDaySpan(commodity, day, zone), minutes);
}

/** The market day that an instant belongs to. */
export function marketDayOf(commodity: Commodity, at: UtcMs, zone: string): MarketDay {
  return dateText(Math.floor((at + offsetMs(at, zone) - DAY_STARTS_AT_HOUR[commodity] * HOUR_MS) / DAY_MS));
}

/** By the days since 1970. */
const dateText = rememberingUpTo(MEMORY_MAX, (day: number) => wall(day * DAY_MS, 0).slice(0, 'YYYY-MM-DD'.length));

export function shiftDay(day: MarketDay, days: number): MarketDay {
  return remembered(shifted, `${day} ${days}`, () => Temporal.PlainDate.from(day).add({ days }).toString());
}

/** What a clock on the wall in `zone` shows. */
export function localTime(at: UtcMs, zone: string): LocalTime {
  const shown = new Date(at + offsetMs(at, zone));
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
    second: shown.getUTCSeconds(),
  };
}

/** The hour that a clock on the wall in `zone` shows, 0..23. */
export function localHour(at: UtcMs, zone: string): number {
  const hours = Math.floor((at + offsetMs(at, zone)) / HOUR_MS);
  return ((hours % 24) + 24) % 24;
}

/** `2026-03-28T06:00:00+01:00` in the zone's offset of that instant. */
export function isoLocal(at: UtcMs, zone: string): string {
  const offset = offsetMs(at, zone);
  const minutes = Math.abs(offset) / MINUTE_MS;
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const text = wall(at, offset).slice(0, 'YYYY-MM-DDThh:mm:ss'.length);
  return `${text}${offset < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** Minutes east of UTC at an instant. */
export function offsetMinutes(at: UtcMs, zone: string): number {
  return offsetMs(at, zone) / MINUTE_MS;
}

/** The wall's own date and time as ISO text with a Z that means nothing. */
function wall(at: UtcMs, offset: Millis): string {
  return new Date(at + offset).toISOString();
}

const DAY_MS = 24 * HOUR_MS;

/** A UTC day's offset, and the later one from the instant at which the zone switches in it, if it does. */
interface DayOffset {
  readonly first: Millis;
  readonly switchAt: UtcMs;
  readonly second: Millis;
}

const offsets = new Map<string, Map<number, DayOffset>>();

/** Temporal is exact and slow; a day has one offset, or two around a switch. */
function offsetMs(at: UtcMs, zone: string): Millis {
  const day = Math.floor(at / DAY_MS);
  let days = offsets.get(zone);
  if (!days || days.size >= MEMORY_MAX) {
    days = new Map();
    offsets.set(zone, days);
  }
  let known = days.get(day);
  if (!known) {
    known = dayOffset(day * DAY_MS, zone);
    days.set(day, known);
  }
  return at < known.switchAt ? known.first : known.second;
}

/** A zone's offsets for a time: each counts from its instant to the next one's, the last until `until`. */
export interface ZoneOffsets {
  readonly until: UtcMs;
  readonly offsets: readonly { readonly since: UtcMs; readonly offset: Millis }[];
}

const knownZones = new Map<string, ZoneOffsets>();

/** Offsets that need not be asked of Temporal, which loads all languages of the runtime (8 MB) to tell an hour. */
export function knowZone(zone: string, known: ZoneOffsets): void {
  knownZones.set(zone, known);
}

function dayOffset(start: UtcMs, zone: string): DayOffset {
  const end = start + DAY_MS;
  const { offsets: spansOf = [], until = 0 } = knownZones.get(zone) ?? {};
  const first = spansOf.findLast(({ since }) => since <= start);
  if (!first || end > until) return askedDayOffset(start, zone);
  const next = spansOf.find(({ since }) => since > start && since < end);
  return {
    first: first.offset,
    switchAt: next?.since ?? Number.POSITIVE_INFINITY,
    second: (next ?? first).offset,
  };
}

function askedDayOffset(start: UtcMs, zone: string): DayOffset {
  const first = Temporal.Instant.fromEpochMilliseconds(start).toZonedDateTimeISO(zone);
  const next = first.getTimeZoneTransition('next');
  const inDay = next && next.epochMilliseconds < start + DAY_MS ? next : undefined;
  return {
    first: first.offsetNanoseconds / 1e6,
    switchAt: inDay?.epochMilliseconds ?? Number.POSITIVE_INFINITY,
    second: (inDay ?? first).offsetNanoseconds / 1e6,
  };
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
  const plain = wallMs(local);
  if (plain === undefined) return undefined;
  if (mode === 'utc') return plain;
  if (mode === 'winter') return plain - standardOffsetMs(local.year, zone);
  const [earlier, later] = instantsOf(plain, zone);
  if (earlier === undefined || later === undefined || earlier === later) return earlier;
  if (hint.summer !== undefined) return hint.summer ? earlier : later;
  return later <= hint.near ? later : earlier;
}

/** The wall may have shown this with the offset of either side of a switch: both, one of them, or (spring gap) neither. */
function instantsOf(plain: number, zone: string): UtcMs[] {
  return [plain + DAY_MS, plain - DAY_MS]
    .map((near) => plain - offsetMs(near, zone))
    .filter((at) => at + offsetMs(at, zone) === plain)
    .sort((a, b) => a - b);
}

/** The fields as if they were UTC, or undefined when the calendar has no such date or the clock no such time. */
function wallMs({ year, month, day, hour, minute, second }: LocalTime): number | undefined {
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second);
  const isSameDay = at.getUTCFullYear() === year && at.getUTCMonth() === month - 1 && at.getUTCDate() === day;
  const isSameTime = at.getUTCHours() === hour && at.getUTCMinutes() === minute && at.getUTCSeconds() === second;
  return isSameDay && isSameTime ? at.getTime() : undefined;
}

/** Standard ("winter") time is the zone's smaller offset of the year. */
function standardOffsetMs(year: number, zone: string): Millis {
  return Math.min(...[0, 6].map((month) => offsetMs(Date.UTC(year, month, 1), zone)));
}

function dayStart(commodity: Commodity, day: MarketDay, zone: string): UtcMs {
  const plain = Date.parse(`${day}T00:00:00Z`) + DAY_STARTS_AT_HOUR[commodity] * HOUR_MS;
  // A wall that leaves out the hour shows it as much later as it leaves out.
  return instantsOf(plain, zone)[0] ?? plain - offsetMs(plain - DAY_MS, zone);
}
