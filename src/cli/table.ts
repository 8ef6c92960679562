import Table from 'cli-table3';
import { inEnglish, type Say } from '../core/say.ts';

type Row = Readonly<Record<string, string | number | undefined>>;

const NO_LINES_BETWEEN_ROWS = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };

/** Prints rows of equal form with their field names, told in a language, as the heading; a word instead of an empty table. */
export function printTable(rows: readonly Row[], say: Say = inEnglish): void {
  const [first] = rows;
  if (!first) {
    process.stdout.write(`${say`nothing to show`}\n`);
    return;
  }
  const fields = Object.keys(first);
  const table = new Table({
    head: fields.map(say.whole),
    style: { head: [], border: [] },
    chars: NO_LINES_BETWEEN_ROWS,
  });
  for (const row of rows) table.push(fields.map((field) => String(row[field] ?? '')));
  process.stdout.write(`${table.toString()}\n`);
}
