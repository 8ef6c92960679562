import {
  doubledHourFault,
  frozenAt,
  isDoubled,
  isDoubtful,
  type Meanings,
  STAMP_AHEAD_MS_MAX,
} from '../../src/core/doubled-hour.ts';
import { HOUR_MS, type Millis, type UtcMs } from '../../src/core/time.ts';

/**
 * A history in the autumn hour that happens twice: a meter that freezes one value each period under consecutive storage numbers
 * tells the two hours apart by their place in the row. What the place does not tell is left out.
 */

/** What each stamp can mean, in order of storage number; undefined where there is none. */
export type Row = readonly (Meanings | undefined)[];

/** Consecutive entries that all are of the doubled hour, newest first, and the certain instants beside them. */
interface Run {
  readonly entries: readonly Meanings[];
  readonly newer: UtcMs | undefined;
  readonly older: UtcMs | undefined;
  /** Nothing was frozen after it. */
  readonly isNewest: boolean;
}

/** @param now what the clock shows that the stamps are judged by */
export function dateRow(row: Row, now: UtcMs): (UtcMs | undefined)[] {
  return isOldestFirst(row) ? datedNewestFirst(row.toReversed(), now).toReversed() : datedNewestFirst(row, now);
}

function isOldestFirst(row: Row): boolean {
  const certain = row.flatMap((stamp) => (stamp && !isDoubled(stamp) ? [stamp.early] : []));
  return (certain.at(-1) ?? 0) > (certain[0] ?? 0);
}

function datedNewestFirst(row: Row, now: UtcMs): (UtcMs | undefined)[] {
  const certain = row.map((stamp) => (stamp && !isDoubled(stamp) ? stamp.early : undefined));
  const dated = [...certain];
  let start = 0;
  while (start < row.length) {
    const entries = doubledFrom(row, start);
    const end = start + entries.length;
    const run: Run = { entries, newer: certain[start - 1], older: certain[end], isNewest: start === 0 };
    datedRun(run, now).forEach((at, n) => {
      dated[start + n] = at;
    });
    start = end + 1;
  }
  return dated;
}

function doubledFrom(row: Row, start: number): Meanings[] {
  const entries: Meanings[] = [];
  for (const stamp of row.slice(start)) {
    if (!stamp || !isDoubled(stamp)) break;
    entries.push(stamp);
  }
  return entries;
}

/** The row must go on evenly from the entry before the doubled hour to the one after it, or to the newest of all. */
function datedRun(run: Run, now: UtcMs): (UtcMs | undefined)[] {
  const { entries, newer, older, isNewest } = run;
  const [newest] = entries;
  if (!newest) return [];
  if (older === undefined) return isNewest && isTellingOrder(entries) ? [newestAlone(newest, now)] : [];
  const spaced = evenlySpaced(entries, older);
  if (!spaced) return [];
  const { instants, step } = spaced;
  const last = instants[0] ?? older;
  const fits = isNewest ? !isDoubtful(newest, now) && isFresh(last, step, now) : newer === last + step;
  return fits ? instants : [];
}

/** The instants that lie one and the same step apart from `older` on, newest first; undefined where the stamps say otherwise. */
function evenlySpaced(entries: readonly Meanings[], older: UtcMs): { instants: UtcMs[]; step: Millis } | undefined {
  const first = entries.at(-1);
  const start = first && [first.early, first.late].find((at) => at > older && at <= older + HOUR_MS);
  if (start === undefined) return undefined;
  const step = start - older;
  const instants = entries.map((_, n) => older + (entries.length - n) * step);
  const isMeant = entries.every(({ early, late }, n) => instants[n] === early || instants[n] === late);
  return isMeant ? { instants, step } : undefined;
}

/** A meter that goes on has frozen its newest value less than a period ago; else a whole hour may be missing from the row. */
function isFresh(at: UtcMs, step: Millis, now: UtcMs): boolean {
  return at <= now + STAMP_AHEAD_MS_MAX && at > now - step - STAMP_AHEAD_MS_MAX;
}

/** In a history that does not reach back before the doubled hour the newest is like the one value of a meter without history. */
function newestAlone(newest: Meanings, now: UtcMs): UtcMs | undefined {
  return doubledHourFault(newest, now) === undefined ? frozenAt(newest, now) : undefined;
}

/** Whether the first two stamps show that the first is the newer one: by a step forward of less than half an hour. */
function isTellingOrder([first, second]: readonly Meanings[]): boolean {
  if (!first || !second) return first !== undefined;
  const forward = (first.early - second.early + HOUR_MS) % HOUR_MS;
  return forward > 0 && forward < HOUR_MS / 2;
}
