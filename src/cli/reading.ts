import { spacedHex } from '../app/field/tap.ts';
import type { ToldReading } from '../app/field/told.ts';
import type { Say } from '../core/say.ts';
import { isoUtc } from '../core/time.ts';
import { printTable } from './table.ts';

/** One reading for people; what passed on the line above it where asked for. */
export function printReading(reading: ToldReading, withRaw: boolean, say: Say): void {
  const { passed, values, serial, clock, unusable, error } = reading;
  if (withRaw)
    for (const { way, hex } of passed) process.stdout.write(`${way === 'sent' ? '->' : '<-'} ${spacedHex(hex)}\n`);
  if (error && values.length === 0) return;
  const rows = values.map(({ raw, kind, at, ...value }) => {
    const told = { ...value, kind: say.whole(kind), at: say.whole(at) };
    return withRaw ? { ...told, raw } : told;
  });
  printTable(rows, say);
  if (serial !== undefined) process.stdout.write(`${say`serial number ${serial}`}\n`);
  if (clock !== undefined) process.stdout.write(`${say`the meter's clock shows ${clock}`}\n`);
  for (const { code, detail } of unusable) process.stdout.write(`${say`not usable: ${detail}`} [${code}]\n`);
}

/** The same for other programs; `more` is what the command knows beside it. */
export function readingJson({ passed, ...reading }: ToldReading, more: object = {}): string {
  return JSON.stringify({ ...reading, passed: passed.map((each) => ({ ...each, at: isoUtc(each.at) })), ...more });
}
