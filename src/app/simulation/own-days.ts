import type { Commodity } from '../../core/interval.ts';
import { HOUR_MS, type MarketDay, MINUTE_MS, type Millis, type Span, type UtcMs } from '../../core/time.ts';

/**
 * Market days as the judge knows them, apart from the calendar that the gateway has: summer time by the rule of the European
 * Union (directive 2000/84/EC: from the last Sunday of March to the last Sunday of October, 01:00 UTC), winter time is UTC + 1.
 */
const STARTS_AT_HOUR: Readonly<Record<Commodity, number>> = { gas: 6, electricity: 0 };
const DAY_MS: Millis = 24 * HOUR_MS;
const MARCH = 2;
const OCTOBER = 9;

export function ownDay(commodity: Commodity, day: MarketDay): Span {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  return { start: startOf(commodity, midnight), end: startOf(commodity, midnight + DAY_MS) };
}

/** The market day that an instant belongs to. */
export function ownDayOf(commodity: Commodity, at: UtcMs): MarketDay {
  return dateOf(at + offsetMs(at) - STARTS_AT_HOUR[commodity] * HOUR_MS);
}

export function dayAfter(day: MarketDay): MarketDay {
  return dateOf(Date.parse(`${day}T00:00:00Z`) + DAY_MS);
}

export function ownSpans({ start, end }: Span, minutes: number): Span[] {
  const length = minutes * MINUTE_MS;
  return Array.from({ length: Math.round((end - start) / length) }, (_, n) => ({
    start: start + n * length,
    end: start + (n + 1) * length,
  }));
}

/** @param midnight of the day's date, as if it were UTC. No switch falls on 00:00 or 06:00. */
function startOf(commodity: Commodity, midnight: number): UtcMs {
  const shown = midnight + STARTS_AT_HOUR[commodity] * HOUR_MS;
  return shown - offsetMs(shown - HOUR_MS);
}

function offsetMs(at: UtcMs): Millis {
  const year = new Date(at).getUTCFullYear();
  return lastSunday(year, MARCH) <= at && at < lastSunday(year, OCTOBER) ? 2 * HOUR_MS : HOUR_MS;
}

/** When the hour that happens twice begins for the second time, in the year of an instant. */
export function winterFrom(at: UtcMs): UtcMs {
  return lastSunday(new Date(at).getUTCFullYear(), OCTOBER);
}

/** 01:00 UTC on it. */
function lastSunday(year: number, month: number): UtcMs {
  const lastDay = new Date(Date.UTC(year, month + 1, 0, 1));
  return lastDay.getTime() - lastDay.getUTCDay() * DAY_MS;
}

function dateOf(at: UtcMs): MarketDay {
  return new Date(at).toISOString().slice(0, '2026-03-28'.length);
}
