import { offsetMinutes } from '../core/calendar.ts';
import { choice, nearest } from '../core/guess.ts';

/** Whether the zone is known to the zone data that come with the program's runtime. */
export function isZone(zone: string): boolean {
  // Asked first: a formatter loads all languages of the runtime into memory.
  if (Intl.supportedValuesOf('timeZone').includes(zone)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    // Offsets such as +01:00 are accepted by Intl but know no summer time.
    return /^[A-Za-z]/.test(zone);
  } catch {
    return false;
  }
}

/** What to expect instead of a zone that is none, and what to do. */
export function zoneAdvice(zone: string): [expected: string, advice: string] {
  const guess = nearest(zone, Intl.supportedValuesOf('timeZone'));
  const expected = `a time zone like ${choice(['Europe/Prague'])}`;
  return [expected, guess === undefined ? '' : `did you mean "${guess}"?`];
}

/** What to expect instead, and what to do, where a market cannot go by this zone. */
export function zoneProblem(zone: string): [expected: string, advice?: string] | undefined {
  if (!isZone(zone)) return zoneAdvice(zone);
  return isWholeHoursFromUtc(zone) ? undefined : ['a zone that is whole hours from UTC'];
}

/** Market hours are hours of UTC: a zone half an hour off would have hours that no boundary fits. */
function isWholeHoursFromUtc(zone: string): boolean {
  return ['2026-01-01T00:00:00Z', '2026-07-01T00:00:00Z'].every((at) => offsetMinutes(Date.parse(at), zone) % 60 === 0);
}
