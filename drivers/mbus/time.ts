import type { LocalTime } from '../../src/core/calendar.ts';

/**
 * Points of time as EN 13757-3 Annex A codes them. All are the meter's own wall time; which zone that is, the device file says.
 */
export type TimeValue =
  | {
      readonly kind: 'time';
      readonly local: LocalTime;
      /** How fine the coding is: a date alone says nothing of the hour. */
      readonly precision: 'day' | 'minute' | 'second';
      /** The meter's summer time bit. False also from meters that never set it. */
      readonly summer: boolean;
    }
  | { readonly kind: 'time-of-day'; readonly hour: number; readonly minute: number; readonly second: number }
  /** "Every year", "every day": a rule, not an instant. */
  | { readonly kind: 'periodic'; readonly text: string }
  | { readonly kind: 'invalid'; readonly reason: string };

const MINUTE_EVERY = 63;
const HOUR_EVERY = 31;
const DAY_EVERY = 0;
const MONTH_EVERY = 15;
const YEAR_EVERY = 127;

/** A date (type G, 2 bytes) or a point of time (type J 3, F 4, I 6 bytes) at bytes[at]. Other lengths are invalid. */
export function readTime(bytes: Uint8Array, at: number, length: number): TimeValue {
  switch (length) {
    case 2:
      return typeG(bytes, at);
    case 3:
      return typeJ(bytes, at);
    case 4:
      return typeF(bytes, at);
    case 6:
      return typeI(bytes, at);
    default:
      return { kind: 'invalid', reason: `no date coding is ${length} bytes long` };
  }
}

function typeG(bytes: Uint8Array, at: number): TimeValue {
  // Table A.6: FFFF is the value "invalid".
  if (bytes[at] === 0xff && bytes[at + 1] === 0xff) return { kind: 'invalid', reason: 'date marked invalid' };
  const { year, month, day } = date(bytes, at);
  return pointOfTime({ year: century(year), month, day, hour: 0, minute: 0, second: 0 }, year, 'day', false);
}

function typeF(bytes: Uint8Array, at: number): TimeValue {
  const [minutes, hours] = [bytes[at]!, bytes[at + 1]!];
  if (minutes & 0x80) return { kind: 'invalid', reason: 'time marked invalid' };
  const { year, month, day } = date(bytes, at + 2);
  const hundreds = (hours >> 5) & 3;
  // Table A.5: hundreds count from 1900; meters without that field send 0, so with 0 the years 00 to 80 are of this century.
  const full = hundreds === 0 ? century(year) : 1900 + 100 * hundreds + year;
  const local = { year: full, month, day, hour: hours & 0x1f, minute: minutes & 0x3f, second: 0 };
  return pointOfTime(local, year, 'minute', (hours & 0x80) !== 0);
}

function typeI(bytes: Uint8Array, at: number): TimeValue {
  const [seconds, minutes, hours] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
  if (minutes & 0x80) return { kind: 'invalid', reason: 'time marked invalid' };
  const { year, month, day } = date(bytes, at + 3);
  const local = {
    year: century(year),
    month,
    day,
    hour: hours & 0x1f,
    minute: minutes & 0x3f,
    second: seconds & 0x3f,
  };
  return pointOfTime(local, year, 'second', (seconds & 0x40) !== 0);
}

function typeJ(bytes: Uint8Array, at: number): TimeValue {
  const [second, minute, hour] = [bytes[at]! & 0x3f, bytes[at + 1]! & 0x3f, bytes[at + 2]! & 0x1f];
  if (second === MINUTE_EVERY || minute === MINUTE_EVERY || hour === HOUR_EVERY) {
    return {
      kind: 'periodic',
      text: `${part(hour, HOUR_EVERY)}:${part(minute, MINUTE_EVERY)}:${part(second, MINUTE_EVERY)}`,
    };
  }
  if (hour > 23 || minute > 59 || second > 59) return { kind: 'invalid', reason: 'no such time of day' };
  return { kind: 'time-of-day', hour, minute, second };
}

/** Day, month and the two-digit year lie in the same bits of types F, G and I. */
function date(bytes: Uint8Array, at: number): { year: number; month: number; day: number } {
  const [low, high] = [bytes[at]!, bytes[at + 1]!];
  return { day: low & 0x1f, month: high & 0x0f, year: (low >> 5) | ((high >> 4) << 3) };
}

function century(year: number): number {
  return year <= 80 ? 2000 + year : 1900 + year;
}

function pointOfTime(
  local: LocalTime,
  twoDigitYear: number,
  precision: 'day' | 'minute' | 'second',
  summer: boolean,
): TimeValue {
  const { month, day, hour, minute, second } = local;
  // Memories that were never written hold zeros.
  if (month === 0) return { kind: 'invalid', reason: 'no date set' };
  if (
    twoDigitYear === YEAR_EVERY ||
    month === MONTH_EVERY ||
    day === DAY_EVERY ||
    hour === HOUR_EVERY ||
    minute === MINUTE_EVERY ||
    second === MINUTE_EVERY
  ) {
    return { kind: 'periodic', text: periodicText(local, twoDigitYear) };
  }
  if (twoDigitYear > 99 || month > 12 || day > daysIn(local.year, month)) {
    return { kind: 'invalid', reason: `no such date: year ${twoDigitYear}, month ${month}, day ${day}` };
  }
  if (hour > 23 || minute > 59 || second > 59) {
    return { kind: 'invalid', reason: `no such time: ${hour}:${minute}:${second}` };
  }
  return { kind: 'time', local, precision, summer };
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function daysIn(year: number, month: number): number {
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return month === 2 && leap ? 29 : DAYS[month - 1]!;
}

function periodicText(local: LocalTime, twoDigitYear: number): string {
  const year = twoDigitYear === YEAR_EVERY ? '*' : String(local.year);
  const days = `${year}-${part(local.month, MONTH_EVERY)}-${part(local.day, DAY_EVERY)}`;
  return `${days} ${part(local.hour, HOUR_EVERY)}:${part(local.minute, MINUTE_EVERY)}:${part(local.second, MINUTE_EVERY)}`;
}

function part(value: number, every: number): string {
  return value === every ? '*' : String(value).padStart(2, '0');
}
