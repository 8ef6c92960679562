import { HOUR_MS, type Millis, type UtcMs } from '../../src/core/time.ts';
import type { Dated } from './archive-stamps.ts';
import { QUARTER_MS } from './times.ts';

/**
 * Which records to read next so that all of [from, to] is held, reading as few as can be. The newest stamp and the spacing say
 * where the wanted records stand; where the meter was off and records are missing, the guess is corrected by halving.
 */

/** A round asks for no more, so that an archive that was never full is noticed. */
const ROUND_RECORDS_MAX = 96;
/** So many records in a row without a credible stamp: the archive has never been written there. */
const EMPTY_RECORDS_MAX = 24;

interface Known {
  readonly age: number;
  readonly at: UtcMs;
}

/** @param records those read so far, newest first. @returns ages not read yet; none when nothing more can be learnt */
export function agesToRead(
  records: readonly Dated[],
  count: number,
  { from, to }: { readonly from: UtcMs; readonly to: UtcMs },
): number[] {
  const known = records.flatMap(({ age, at }) => (at === undefined ? [] : [{ age, at }]));
  const newest = known[0];
  if (newest?.age !== 0 || newest.at < from || from > to) return [];
  const read = new Set(records.map(({ age }) => age));
  const spacing = spacingOf(known);
  const newer = known.findLast(({ at }) => at > to);
  const first = known.find(({ at }) => at <= to);

  const between = newer ? unread(read, newer.age + 1, (first?.age ?? count) - 1) : [];
  // Not by the spacing seen so far: after an outage it may be too wide, and the wanted record would be passed by.
  const located = first !== undefined && (between.length === 0 || to - first.at < QUARTER_MS);
  if (located) return onward(known, read, count, first, from, spacing);
  if (!newer || between.length === 0) return [];
  if (first) return [between[Math.floor(between.length / 2)]!];
  const guess = Math.min(newer.age + Math.ceil((newer.at - to) / spacing), count - 1);
  const length = Math.min(Math.floor((to - from) / spacing) + 1, ROUND_RECORDS_MAX);
  const guessed = unread(read, guess, Math.min(guess + length, count) - 1);
  return guessed.length > 0 ? guessed : [between[Math.floor(between.length / 2)]!];
}

/** From the first wanted record on until one is as old as `from`. */
function onward(
  known: readonly Known[],
  read: ReadonlySet<number>,
  count: number,
  first: Known,
  from: UtcMs,
  spacing: Millis,
): number[] {
  let end = first.age;
  while (read.has(end + 1)) end += 1;
  const last = known.findLast(({ age }) => age <= end) ?? first;
  if (last.at <= from || end - last.age >= EMPTY_RECORDS_MAX) return [];
  const until = Math.min(last.age + Math.ceil((last.at - from) / spacing), count - 1, end + ROUND_RECORDS_MAX);
  return unread(read, end + 1, until);
}

/** The smallest distance of two neighbours that were read; an hour while no two are known. */
function spacingOf(known: readonly Known[]): Millis {
  const steps = known.flatMap((older, index) => {
    const newer = known[index - 1];
    return newer && newer.age + 1 === older.age ? [newer.at - older.at] : [];
  });
  return steps.length === 0 ? HOUR_MS : Math.max(QUARTER_MS, Math.min(...steps));
}

function unread(read: ReadonlySet<number>, from: number, to: number): number[] {
  const ages: number[] = [];
  for (let age = from; age <= to; age++) if (!read.has(age)) ages.push(age);
  return ages;
}
