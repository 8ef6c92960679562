import { stringify } from 'csv-stringify/sync';
import { z } from 'zod';
import { crcOfText, crcText } from '../buffer/frame.ts';
import { isoLocal, marketDaySpan } from '../core/calendar.ts';
import { isCombustionHeat } from '../core/combustion-heat.ts';
import { compare, type Decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { type MarketDay, parseUtc } from '../core/time.ts';
import type { HeatSourceConfig } from '../device/profile-config.ts';
import { type CsvRow, csvRows } from './csv-rows.ts';

/** Combustion heat by gas day, kWh/m3. */
export type HeatTable = ReadonlyMap<MarketDay, Decimal>;

/**
 * A CSV with a heading, divided by semicolons or commas; with semicolons a decimal comma is understood.
 * Throws OdecetError heat-invalid.
 * @param zone in which an instant in the place of a date is meant
 */
export function heatFromCsv(
  text: string,
  where: string,
  zone: string,
  columns = { day: 'day', value: 'kWhPerM3' },
): HeatTable {
  const entries = rowsIn(text, where).map((row) => ({
    where: `${where}, line ${row.line}`,
    day: row.cell(columns.day),
    value: row.number(columns.value),
    check: row.cell(CHECK),
  }));
  for (const { where: place, day = '', value = '', check } of entries)
    if (check !== undefined && check !== checkOf(day, value))
      throw new OdecetError(
        'heat-invalid',
        `${place}: it is not what was written there; remove the file, and import the heat again`,
      );
  return tableOf(entries, columns, zone);
}

function rowsIn(text: string, where: string): CsvRow[] {
  try {
    return csvRows(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('heat-invalid', `${where}: ${why}`, { cause });
  }
}

/** What a declared web service answered. Throws OdecetError heat-invalid. */
export function heatFromAnswer(text: string, source: HeatSourceConfig, zone: string): HeatTable {
  const columns = { day: source.day, value: source.value };
  if (source.format === 'csv') return heatFromCsv(text, source.url, zone, columns);
  const entries = itemsOf(text, source).map((item, n) => ({
    where: `${source.url}, entry ${n + 1}`,
    day: item[source.day],
    value: item[source.value],
  }));
  return tableOf(entries, columns, zone);
}

export function heatCsv(table: HeatTable): string {
  const rows = [...table]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, heat]) => [day, decimalText(heat), checkOf(day, decimalText(heat))]);
  return stringify([['day', 'kWhPerM3', CHECK], ...rows], { delimiter: ';' });
}

/** A column of the files that this program writes: a digit that falls over in one would be another heat, as good as the first. */
const CHECK = 'check';

function checkOf(day: string, value: string): string {
  return crcText(crcOfText(`${day};${value}`));
}

const itemsSchema = z.array(z.record(z.string(), z.unknown().transform(scalarText)));

function scalarText(value: unknown): string | null | undefined {
  if (value === null) return null;
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function itemsOf(text: string, { url, list }: HeatSourceConfig): z.output<typeof itemsSchema> {
  try {
    let found: unknown = JSON.parse(text);
    for (const step of list.split('.').filter((name) => name !== ''))
      found = z.record(z.string(), z.unknown()).parse(found)[step];
    return itemsSchema.parse(found);
  } catch (cause) {
    const detail = `${url}: the answer has no list of entries${list === '' ? '' : ` at "${list}"`}; correct "list:"`;
    throw new OdecetError('heat-invalid', detail, { cause });
  }
}

interface HeatEntry {
  readonly where: string;
  readonly day: string | null | undefined;
  /** A service that lists a day before its heat is known says null of it; that is no fault of the other days. */
  readonly value: string | null | undefined;
}

function tableOf(entries: readonly HeatEntry[], columns: { day: string; value: string }, zone: string): HeatTable {
  const table = new Map<MarketDay, Decimal>();
  for (const { where, day, value } of entries) {
    if (value === null) continue;
    if (!day || value === undefined)
      throw new OdecetError('heat-invalid', `${where}: expected the columns "${columns.day}" and "${columns.value}"`);
    const gasDay = dayIn(day, where, zone);
    const heat = heatIn(value, where);
    const other = table.get(gasDay);
    if (other && compare(other, heat) !== 0)
      throw new OdecetError('heat-invalid', `${where}: ${gasDay} stands here twice with different values`);
    table.set(gasDay, heat);
  }
  return table;
}

/**
 * A date, or an instant of which the local date is meant: 2026-03-28T06:00:00+01:00, or midnight as a web service writes it,
 * 2026-03-27T23:00:00Z.
 */
function dayIn(text: string, where: string, zone: string): MarketDay {
  try {
    const day = /^\d{4}-\d\d-\d\d$/.test(text) ? text : isoLocal(parseUtc(text), zone).slice(0, 'YYYY-MM-DD'.length);
    if (marketDaySpan('gas', day, 'UTC')) return day;
  } catch {
    // Told below with what is expected.
  }
  throw new OdecetError('heat-invalid', `${where}: "${text}" is no gas day; expected a date like 2026-03-28`);
}

function heatIn(text: string, where: string): Decimal {
  const heat = /^\d+(\.\d+)?$/.test(text) ? parseDecimal(text) : undefined;
  if (heat && isCombustionHeat(heat)) return heat;
  throw new OdecetError('heat-invalid', `${where}: "${text}" is no combustion heat in kWh/m3; expected 5 to 15`);
}
