import { InvalidArgumentError } from 'commander';
import { marketDaySpan } from '../core/calendar.ts';
import { type Decimal, parseDecimal } from '../core/decimal.ts';
import { parseUtc, type UtcMs } from '../core/time.ts';

/** A market day on the command line. */
export function parseDay(text: string): string {
  try {
    marketDaySpan('electricity', text, 'UTC');
    if (/^\d{4}-\d\d-\d\d$/.test(text)) return text;
  } catch {
    // Told below, with the form that is expected.
  }
  throw new InvalidArgumentError('give a date like 2026-03-28.');
}

/** An instant with Z or an offset: a local time alone would be ambiguous in autumn. */
export function parseInstant(text: string): UtcMs {
  try {
    return parseUtc(text);
  } catch {
    throw new InvalidArgumentError('give an instant with its offset like 2026-03-28T07:00+01:00 or 2026-03-28T06:00Z.');
  }
}

export function parseValue(text: string): Decimal {
  try {
    return parseDecimal(text);
  } catch {
    throw new InvalidArgumentError('give a number like 12.5.');
  }
}

/** 1 or more. */
export function parseWhole(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('give a whole number like 60.');
}
