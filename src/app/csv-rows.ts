import { CsvError, parse } from 'csv-parse/sync';

/** One row of a table that a person or a spreadsheet wrote. */
export interface CsvRow {
  /** Where it stands in the file; the heading is line 1. */
  readonly line: number;
  /** Undefined where there is no such column. */
  cell(column: string): string | undefined;
  /** A number as text with a decimal point. */
  number(column: string): string | undefined;
}

const DELIMITERS = [';', '\t', ','] as const;
/** Older spreadsheets write the Central European code page. */
const OLD_PAGE = 'windows-1250';

/**
 * The text of a file that a spreadsheet wrote: UTF-8, UTF-16 where a mark says so, else Windows-1250.
 * Throws an Error for bytes that are no text.
 */
export function csvText(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  const text = utf8(bytes) ?? new TextDecoder(OLD_PAGE).decode(bytes);
  if (text.includes('\0')) throw new Error('this is no text; save the table as CSV');
  return text;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The rows of a CSV with a heading, divided by semicolons, tabulators or commas as the heading is. A Czech spreadsheet writes
 * semicolons and decimal commas: where a comma does not divide it is the decimal one, and a space divides thousands. Names of
 * columns are found whatever their case. Throws an Error where a row has more or fewer cells than the heading, or a column stands
 * there twice.
 */
export function csvRows(text: string): CsvRow[] {
  const heading = text.split(/\r?\n/).find((line) => line.trim() !== '') ?? '';
  const delimiter = DELIMITERS.find((each) => heading.includes(each)) ?? ',';
  return parsed(text, delimiter).map(({ record, info }) => ({
    line: info.lines,
    cell: (column) => record[nameOf(column)],
    number: (column) => (delimiter === ',' ? record[nameOf(column)] : plainNumber(record[nameOf(column)])),
  }));
}

function parsed(text: string, delimiter: string): { record: Record<string, string>; info: { lines: number } }[] {
  try {
    return parse(text, {
      columns: distinctNames,
      delimiter,
      bom: true,
      skip_empty_lines: true,
      skip_records_with_empty_values: true,
      trim: true,
      info: true,
    });
  } catch (cause) {
    if (!(cause instanceof CsvError) || cause.code !== 'CSV_RECORD_INCONSISTENT_COLUMNS') throw cause;
    const { lines } = cause;
    throw new RangeError(
      `line ${Number(lines)} has not as many cells as the heading; where numbers have a decimal comma, semicolons divide`,
      { cause },
    );
  }
}

/** Which of two columns of one name would be meant, nobody knows; those without a name mean nothing. */
function distinctNames(columns: string[]): string[] {
  const names = columns.map(nameOf);
  const twice = names.find((name, n) => name !== '' && names.indexOf(name) < n);
  if (twice !== undefined) throw new RangeError(`the heading has the column "${twice}" twice`);
  return names;
}

/** Thousands are divided by a space, which need not be the plain one. */
function plainNumber(text: string | undefined): string | undefined {
  return text?.replace(/(?<=\d)[ \u00a0\u202f](?=\d{3}(\D|$))/g, '').replace(',', '.');
}

function nameOf(column: string): string {
  return column.trim().toLowerCase();
}
