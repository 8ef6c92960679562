import Table from 'cli-table3';
import { inEnglish, type Say } from '../core/say.ts';

type Row = Readonly<Record<string, string | number | undefined>>;

const NO_LINES_BETWEEN_ROWS = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' };
const NO_LINES = {
  ...NO_LINES_BETWEEN_ROWS,
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  right: '',
  middle: ' ',
};
/** Left and right of every cell, and the line between. */
const FRAMED_CELL = 3;
/** Narrower than this a text is no longer read. */
const TEXT_WIDTH_LEAST = 12;

/**
 * Prints rows of equal form with their field names, told in a language, as the heading; a word instead of an empty table.
 * @param columns of the terminal; a table that is wider loses its frame, then its widest text is wrapped
 */
export function printTable(rows: readonly Row[], say: Say = inEnglish, columns = process.stdout.columns): void {
  const [first] = rows;
  process.stdout.write(`${first ? tableText(Object.keys(first), rows, say, columns) : say`nothing to show`}\n`);
}

function tableText(fields: readonly string[], rows: readonly Row[], say: Say, columns: number | undefined): string {
  const head = fields.map(say.whole);
  const cells = rows.map((row) => fields.map((field) => String(row[field] ?? '')));
  const widths = fields.map((_, n) => Math.max(...[head, ...cells].flatMap((line) => widthOf(line[n]!))));
  // Numbers stand one under the other.
  const colAligns = fields.map((_, n) => (cells.every((line) => /^-?[\d.]*$/.test(line[n]!)) ? 'right' : 'left'));
  const total = widths.reduce((sum, width) => sum + width, 0);
  if (columns === undefined || total + FRAMED_CELL * widths.length + 1 <= columns)
    return filled(head, cells, { chars: NO_LINES_BETWEEN_ROWS, colAligns });
  const over = total + widths.length - 1 - columns;
  const widest = widths.indexOf(Math.max(...widths));
  const narrowed = Math.max(TEXT_WIDTH_LEAST, widths[widest]! - over);
  const text = filled(head, cells, {
    chars: NO_LINES,
    colAligns,
    style: { 'padding-left': 0, 'padding-right': 0 },
    ...(over > 0 && {
      colWidths: widths.map((width, n) => (n === widest ? Math.min(width, narrowed) : width)),
      wordWrap: true,
      wrapOnWordBoundary: widest === fields.length - 1,
    }),
  });
  return text.replace(/ +$/gm, '');
}

function filled(head: string[], cells: string[][], options: Table.TableConstructorOptions): string {
  const table = new Table({ head, ...options, style: { ...options.style, head: [], border: [] } });
  for (const line of cells) table.push(line);
  return table.toString();
}

/** A heading may stand in several lines. */
function widthOf(cell: string): number[] {
  return cell.split('\n').map((line) => line.length);
}
