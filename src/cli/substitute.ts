import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { csvRows } from '../app/csv-rows.ts';
import { type Decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { parseUtc, type UtcMs } from '../core/time.ts';
import { parseInstant, parseValue } from './arguments.ts';
import { ask } from './ask.ts';
import { printTable } from './table.ts';

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
      const { config, from, to, channel, reason, by, json } = options;
      const wish = { point, from, to, values: await valuesOf(options), reason, by, ...(channel && { channel }) };
      const { audit, intervals } = await ask(config, 'substitute', wish);
      if (json) process.stdout.write(`${JSON.stringify({ audit, intervals })}\n`);
      else {
        printTable(intervals);
        process.stdout.write(`audit entry ${audit.number}, hash ${audit.hash}\n`);
      }
    });
}

function valuesOf({ value, file }: SubstituteOptions): string | Promise<[UtcMs, string][]> {
  if (value !== undefined && file === undefined) return decimalText(value);
  if (value === undefined && file !== undefined) return valuesIn(file);
  throw new OdecetError('usage', 'give either --value or --file');
}

async function valuesIn(file: string): Promise<[UtcMs, string][]> {
  try {
    const values = new Map<UtcMs, string>();
    for (const row of csvRows(await readFile(file, 'utf8'))) {
      const [start, value] = [row.cell('start'), row.number('value')];
      if (start === undefined || value === undefined) throw new RangeError(`line ${row.line} has no start or no value`);
      const at = parseUtc(start);
      // Which of two would be meant, nobody knows.
      if (values.has(at)) throw new RangeError(`${start} stands there twice, again in line ${row.line}`);
      values.set(at, decimalText(parseDecimal(value)));
    }
    return [...values];
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OdecetError('value-refused', `${file}: ${why}; expected the columns start and value`, { cause });
  }
}
