import { spacedHex } from '../app/field/tap.ts';
import type { ToldReading } from '../app/field/told.ts';
import { isoUtc } from '../core/time.ts';
import { printTable } from './table.ts';

/** One reading for people; what passed on the line above it where asked for. */
export function printReading(reading: ToldReading, withRaw: boolean): void {
  const { passed, values, serial, clock, unusable, error } = reading;
  if (withRaw)
    for (const { way, hex } of passed) process.stdout.write(`${way === 'sent' ? '->' : '<-'} ${spacedHex(hex)}\n`);
  if (error && values.length === 0) return;
  printTable(values.map(({ raw, ...value }) => (withRaw ? { ...value, raw } : value)));
  if (serial !== undefined) process.stdout.write(`serial number ${serial}\n`);
  if (clock !== undefined) process.stdout.write(`the meter's clock shows ${clock}\n`);
  for (const { code, detail } of unusable) process.stdout.write(`not usable: ${detail} [${code}]\n`);
}

/** The same for other programs; `more` is what the command knows beside it. */
export function readingJson({ passed, ...reading }: ToldReading, more: object = {}): string {
  return JSON.stringify({ ...reading, passed: passed.map((each) => ({ ...each, at: isoUtc(each.at) })), ...more });
}
