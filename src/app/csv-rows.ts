import { parse } from 'csv-parse/sync';

/** One row of a table that a person or a spreadsheet wrote. */
export interface CsvRow {
  /** Where it stands in the file; the heading is line 1. */
  readonly line: number;
  /** Undefined where there is no such column. */
  cell(column: string): string | undefined;
  /** A number as text with a decimal point. */
  number(column: string): string | undefined;
}

/**
 * The rows of a CSV with a heading, divided by semicolons or commas as the heading is. A Czech spreadsheet writes semicolons and
 * decimal commas: with semicolons a comma is the decimal one. Throws an Error where a row has more or fewer cells than the heading.
 */
export function csvRows(text: string): CsvRow[] {
  const delimiter = (text.split('\n', 1)[0] ?? '').includes(';') ? ';' : ',';
  const rows: { record: Record<string, string>; info: { lines: number } }[] = parse(text, {
    columns: true,
    delimiter,
    bom: true,
    skip_empty_lines: true,
    trim: true,
    info: true,
  });
  return rows.map(({ record, info }) => ({
    line: info.lines,
    cell: (column) => record[column],
    number: (column) => (delimiter === ';' ? record[column]?.replace(',', '.') : record[column]),
  }));
}
