import { InvalidArgumentError } from 'commander';
import { marketDaySpan } from '../core/calendar.ts';

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
