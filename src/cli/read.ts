import { Command } from 'commander';
import { readLive } from '../app/field/read.ts';
import type { ToldReading } from '../app/field/told.ts';
import { loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import { hostClock } from '../host/clock.ts';
import { stopSignal } from './signal.ts';
import { printTable } from './table.ts';

/** `odecet read DEVICE --config site.yaml`: one live reading, to be held against the display. */
export function readCommand(): Command {
  return new Command('read')
    .description("one live reading of a device, to be held against the meter's display; nothing is stored")
    .argument('<device>', 'its id in the site file')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--raw', 'the bytes behind each value, and everything that passed on the line')
    .option('--json', 'print JSON')
    .action(async (id: string, { config, raw, json }: { config: string; raw?: true; json?: true }) => {
      const reading = await readLive(loadSite(config), id, hostClock(), stopSignal());
      if (json) process.stdout.write(`${JSON.stringify(reading)}\n`);
      else printReading(reading, raw === true);
      if (reading.error) throw new OdecetError(reading.error.code, reading.error.detail);
    });
}

function printReading({ passed, values, serial, clock, unusable, error }: ToldReading, withRaw: boolean): void {
  if (withRaw)
    for (const { way, hex } of passed)
      process.stdout.write(`${way === 'sent' ? '->' : '<-'} ${hex.replace(/..\B/g, '$& ')}\n`);
  if (error) return;
  printTable(values.map(({ raw, ...value }) => (withRaw ? { ...value, raw } : value)));
  if (serial !== undefined) process.stdout.write(`serial number ${serial}\n`);
  if (clock !== undefined) process.stdout.write(`the meter's clock shows ${clock}\n`);
  for (const { code, detail } of unusable) process.stdout.write(`not usable: ${detail} [${code}]\n`);
}
