import { type Entry, type EntryRow, readJournal } from './journal.ts';
import { intervalKey } from './market.ts';

const HEADER = 'point,commodity,start,minutes,value,unit,quality';

/**
 * Everything accepted so far as CSV, from the journal of a folder, also while a sandbox runs on it; sorted by point, commodity,
 * start and unit. A correction's value stands instead of the one it corrects. An interval that was accepted from two messages
 * of which neither corrects the other stands twice: whoever reads the file shall see it.
 */
export async function acceptedCsv(folder: string): Promise<string> {
  const lines = new Map<string, { readonly order: string; readonly line: string }>();
  for (const entry of await readJournal(folder)) {
    if (entry.problems.length > 0) continue;
    for (const row of entry.rows) {
      if (entry.corrects !== undefined) lines.delete(lineKey(entry.corrects, row));
      lines.set(lineKey(entry.id, row), { order: orderOf(entry, row), line: lineOf(entry, row) });
    }
  }
  const sorted = [...lines.values()].sort((a, b) => (a.order < b.order ? -1 : 1));
  return [HEADER, ...sorted.map(({ line }) => line)].map((line) => `${line}\n`).join('');
}

function lineKey(message: string, row: EntryRow): string {
  return `${message} ${intervalKey(row)}`;
}

function orderOf({ commodity }: Entry, { point, channel, start, unit }: EntryRow): string {
  return [point, commodity, start, unit, channel].join(' ');
}

function lineOf({ commodity }: Entry, { point, start, minutes, value, unit, quality }: EntryRow): string {
  return [point, commodity, start, minutes, value, unit, quality].join(',');
}
