import type { Boundary, Interval } from '../core/interval.ts';
import { entryOf, isDayFinding } from '../profile/findings.ts';

/**
 * How good the evidence under an interval is. What was refused (reset, beyond the capacity) ranks by what it was seen on: it is a
 * finding about the same readings, not a lack of them.
 */
export function rankOf({ quality, findings, origins }: Interval): number {
  if (quality === 'substituted') return 4;
  // May have been a person's: only a person puts another value there.
  if (findings.includes('decision-unknown')) return 4;
  if (quality === 'estimated') return 1;
  if (origins.length === 0) return 0;
  return origins.every(({ from, to }) => isFrozen(from) && isFrozen(to)) ? 3 : 2;
}

/**
 * Whether a newer computation may stand in the place of what is known; an estimate stands until an actual value comes, or one
 * that a person must look at.
 */
export function isBetterOrEqual(made: Interval, known: Interval): boolean {
  if (known.quality === 'estimated' && !made.value && !made.findings.some(isForPersonCode)) return false;
  // Of another length it is no interval of the day any more.
  if (made.end !== known.end && known.quality !== 'substituted' && made.value) return true;
  return rankOf(made) >= rankOf(known);
}

/** An estimate with the reasons why there is no value as they are known now: an exchange may be learnt of afterwards. */
export function withReasonsOf({ value, findings }: Interval, standing: Interval): Interval {
  if (standing.quality !== 'estimated' || value) return standing;
  const own = standing.findings.filter((code) => entryOf(code)?.level !== 'refused' && !findings.includes(code));
  return { ...standing, findings: [...findings, ...own] };
}

/** What the rules of the day said; it holds until the day is judged again. */
export function keptDayFindings({ findings }: Interval): string[] {
  return findings.filter(isDayFinding);
}

function isFrozen({ source }: Boundary): boolean {
  return source !== 'interpolated';
}

/** Without an actual value: an estimate is none. */
export function isOpen({ value, quality }: Interval): boolean {
  return !value || quality === 'estimated';
}

/** With a value that was read, or computed of what was. */
export function isActual(interval: Interval): boolean {
  return !isOpen(interval) && interval.quality !== 'substituted';
}

/** Nothing is known of what passed, nothing that was read is refuted: a rule may fill it where the site file allows one. */
const NOTHING_KNOWN: ReadonlySet<string> = new Set(['no-reading', 'counter-reset', 'meter-exchanged']);

/** A refusal that no rule may paint over: something was read, and it cannot be true. */
export function isForPersonCode(code: string): boolean {
  return entryOf(code)?.level === 'refused' && !NOTHING_KNOWN.has(code);
}
