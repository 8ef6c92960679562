import { isoLocal } from '../core/calendar.ts';
import { parseUtc, type UtcMs } from '../core/time.ts';

/**
 * An instant as people of the market say it, with its offset, so that the two autumn hours differ: `2026-10-25T02:00+02:00`.
 * Seconds stand only where there are any. Commands take it as they print it.
 * @param at an instant, or the text of one
 */
export function localText(at: UtcMs | string, zone: string): string {
  const text = isoLocal(typeof at === 'string' ? parseUtc(at) : at, zone);
  return text.replace(/(T\d\d:\d\d):00([+-])/, '$1$2');
}
