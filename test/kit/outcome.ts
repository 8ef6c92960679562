import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type AcceptedLine,
  type Comparison,
  compareDays,
  readCsv,
  type TruthLine,
} from '../../scripts/rehearsal/summary.ts';
import { parseDecimal } from '../../src/core/decimal.ts';
import { acceptedCsv } from '../../src/sandbox/accepted.ts';
import { readJournal } from '../../src/sandbox/journal.ts';
import { intervalKey } from '../../src/sandbox/market.ts';
import type { Rehearsal } from './rehearsal.ts';

/** How a rehearsed day ended, counted from what the meters wrote and what the operator's stand-in accepted. */
export interface Outcome extends Comparison {
  /** Messages that were refused, each with its reasons. */
  readonly rejected: readonly string[];
  /** Intervals that stand in more than one accepted message, corrections aside. */
  readonly acceptedTwice: readonly string[];
}

export async function outcomeOf({ folder, site }: Rehearsal): Promise<Outcome> {
  const truth = readCsv<TruthLine>(await readFile(join(folder, 'truth.csv'), 'utf8'));
  const accepted = readCsv<AcceptedLine>(await acceptedCsv(join(folder, 'sandbox')));
  const heat = parseDecimal(site.combustionHeat[0]!.kWhPerM3);
  const entries = await readJournal(join(folder, 'sandbox'));
  const seen = new Set<string>();
  const acceptedTwice: string[] = [];
  for (const entry of entries.filter(({ problems, corrects }) => problems.length === 0 && corrects === undefined)) {
    for (const key of entry.rows.map(intervalKey)) {
      if (seen.has(key)) acceptedTwice.push(`${key} again in ${entry.id}`);
      seen.add(key);
    }
  }
  const rejected = entries
    .filter(({ problems }) => problems.length > 0)
    .map(({ id, problems }) => `${id}: ${problems.map(({ text }) => text).join('; ')}`);
  return { ...compareDays(truth, accepted, heat), rejected, acceptedTwice };
}

/** The outcome of a day that went well; `toMatchObject` it. */
export const ACCEPTED_ONCE = { complaints: [], lost: 0, doubled: 0, wrong: 0, rejected: [], acceptedTwice: [] };

const LOOK_EVERY_MS = 200;

/** Waits until every interval of the truth is accepted, at most `patienceMs` of real time after the rehearsed end. */
export async function untilAccepted(rehearsal: Rehearsal, patienceMs: number): Promise<void> {
  const { clock, end, setting } = rehearsal;
  const last = setting.startedAtEpochMs + (end - setting.startWall) / setting.scale + patienceMs;
  while (Date.now() < last) {
    await clock.sleep(LOOK_EVERY_MS);
    if (clock.now() < end - EARLY_MS) continue;
    const { intervalsExpected, intervalsAccepted } = await outcomeOf(rehearsal);
    if (intervalsExpected > 0 && intervalsAccepted === intervalsExpected) return;
  }
}

/** The day's end is known to be near before the counting starts; it reads files. */
const EARLY_MS = 8 * 3_600_000;
