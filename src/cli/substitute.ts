import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { parse } from 'csv-parse/sync';
import { heatSupply } from '../app/heat-sources.ts';
import { planPoints } from '../app/plan.ts';
import type { LoadedSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import { type Substitution, substitute } from '../app/substitute.ts';
import { type Decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { isoUtc, parseUtc, type UtcMs } from '../core/time.ts';
import { hostClock } from '../host/clock.ts';
import { hostLog } from '../host/log.ts';
import { parseInstant, parseValue } from './arguments.ts';
import { printTable } from './table.ts';
import { withState } from './views.ts';

interface SubstituteOptions {
  readonly config: string;
  readonly from: UtcMs;
  readonly to: UtcMs;
  readonly value?: Decimal;
  readonly file?: string;
  readonly channel?: 'volume' | 'import' | 'export';
  readonly reason: string;
  readonly by: string;
  readonly json?: true;
}

/** `odecet substitute POINT --from --to --value V|--file CSV --reason TEXT --by NAME`: a person decides what an interval holds. */
export function substituteCommand(): Command {
  return new Command('substitute')
    .description('put values in the place of intervals; the originals stay, the audit log says who and why')
    .argument('<point>', "the point's EIC or EAN")
    .requiredOption('--config <site.yaml>', 'the site file')
    .requiredOption('--from <time>', 'start of the first interval, e.g. 2026-03-28T07:00+01:00', parseInstant)
    .requiredOption('--to <time>', 'end of the last interval', parseInstant)
    .option('--value <number>', 'the value of each interval, m3 or kWh', parseValue)
    .option('--file <csv>', 'a value for each interval: start;value with a heading, starts with their offset')
    .addOption(new Option('--channel <channel>', 'where a point has several').choices(['volume', 'import', 'export']))
    .requiredOption('--reason <text>', 'why')
    .requiredOption('--by <name>', 'who decided')
    .option('--json', 'print JSON')
    .action(async (point: string, options: SubstituteOptions) => {
      const wish = await wishOf(point, options);
      const done = await withState(options.config, async (loaded, { buffer }) => {
        const points = planPoints(loaded.site, loaded.devices);
        return substitute(
          { site: loaded.site, points, buffer, heatOn: await knownHeat(loaded), now: hostClock().now() },
          wish,
        );
      });
      const rows = done.intervals.map(({ start, channel, value, unit, version }) => ({
        start: isoUtc(start),
        channel,
        value: value ? decimalText(value) : '',
        unit,
        version,
      }));
      if (options.json) process.stdout.write(`${JSON.stringify({ audit: done.entry, intervals: rows })}\n`);
      else {
        printTable(rows);
        process.stdout.write(`audit entry ${done.entry.number}, hash ${done.entry.hash}\n`);
      }
    });
}

async function wishOf(point: string, options: SubstituteOptions): Promise<Substitution> {
  const { value, file, channel, from, to, reason, by } = options;
  if ((value === undefined) === (file === undefined)) throw new OdecetError('usage', 'give either --value or --file');
  const values = value ?? (await valuesIn(file!));
  return { point, span: { start: from, end: to }, values, reason, by, ...(channel && { channel }) };
}

async function valuesIn(file: string): Promise<ReadonlyMap<UtcMs, Decimal>> {
  try {
    const text = await readFile(file, 'utf8');
    const rows: Record<string, string>[] = parse(text, {
      columns: true,
      delimiter: [';', ','],
      bom: true,
      skip_empty_lines: true,
      trim: true,
    });
    return new Map(rows.map((row) => [parseUtc(row.start ?? ''), parseDecimal(row.value ?? '')]));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('value-refused', `${file}: ${why}; expected the columns start and value`, { cause });
  }
}

/** What is known of combustion heat without asking anybody. */
async function knownHeat(loaded: LoadedSite) {
  const { site, folder } = loaded;
  const log = hostLog({ level: 'warn' });
  const supply = heatSupply({ site, folder, stateFolder: stateFolder(loaded), clock: hostClock(), log });
  await supply.refresh(new AbortController().signal);
  return supply.on;
}
