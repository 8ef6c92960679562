import { Command } from 'commander';
import { type LiveReading, readLive } from '../app/field/read.ts';
import { loadSite } from '../app/site-files.ts';
import { decimalText } from '../core/decimal.ts';
import { isoUtc } from '../core/time.ts';
import { hostClock } from '../host/clock.ts';
import { hexOf } from './hex.ts';
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
      if (json) process.stdout.write(`${JSON.stringify(jsonOf(reading))}\n`);
      else printReading(reading, raw === true);
      if (!reading.outcome.ok) throw reading.outcome.error;
    });
}

function valuesOf({ outcome }: LiveReading) {
  const values = outcome.ok ? outcome.result.values : [];
  return values.map(({ quantity, value, unit, kind, storedAt, flags, raw }) => ({
    quantity,
    value: decimalText(value),
    unit,
    kind,
    at: storedAt === undefined ? 'now' : isoUtc(storedAt),
    flags: flags.join(' '),
    raw,
  }));
}

function jsonOf(reading: LiveReading) {
  const { device, outcome, passed } = reading;
  const trace = passed.map(({ way, bytes }) => ({ way, hex: hexOf(bytes) }));
  if (!outcome.ok) return { device: device.config.id, ok: false, error: outcome.error.failure, trace };
  const { identity, clock, unusable } = outcome.result;
  return {
    device: device.config.id,
    ok: true,
    values: valuesOf(reading),
    identity,
    ...(clock !== undefined && { clock: isoUtc(clock) }),
    unusable,
    trace,
  };
}

function printReading(reading: LiveReading, withRaw: boolean): void {
  const { outcome, passed } = reading;
  if (withRaw)
    for (const { way, bytes } of passed) process.stdout.write(`${way === 'sent' ? '->' : '<-'} ${hexOf(bytes, ' ')}\n`);
  if (!outcome.ok) return;
  const { identity, clock, unusable } = outcome.result;
  printTable(valuesOf(reading).map(({ raw, ...value }) => (withRaw ? { ...value, raw } : value)));
  if (identity.serial !== undefined) process.stdout.write(`serial number ${identity.serial}\n`);
  if (clock !== undefined) process.stdout.write(`the meter's clock shows ${isoUtc(clock)}\n`);
  for (const { code, detail } of unusable) process.stdout.write(`not usable: ${detail} [${code}]\n`);
}
