import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { type CsvRow, csvRows, csvText } from '../app/csv-rows.ts';
import { localText } from '../app/local-time.ts';
import { type Decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { parseUtc, type UtcMs } from '../core/time.ts';
import { parseInstant, parseValue } from './arguments.ts';
import { ask } from './ask.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { printTable } from './table.ts';
import { languageOption } from './words.ts';

interface SubstituteOptions extends SpokenOptions {
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
    .addOption(languageOption())
    .action(substitute);
}

async function substitute(point: string, options: SubstituteOptions): Promise<void> {
  const { config, from, to, channel, reason, by, json } = options;
  const wish = { point, from, to, values: await valuesOf(options), reason, by, ...(channel && { channel }) };
  const { answer, zone } = await ask(config, 'substitute', wish);
  const { audit, intervals } = answer;
  if (json) {
    process.stdout.write(`${JSON.stringify({ audit, intervals })}\n`);
    return;
  }
  const say = sayFor(options);
  printTable(
    intervals.map(({ start, channel: of, value, unit, version, before }) => ({
      start: localText(start, zone),
      channel: say.whole(of),
      value: `${value} ${unit}`,
      version,
      before: before && [before.value, say.whole(before.quality)].filter(Boolean).join(' '),
    })),
    say,
  );
  const entered = intervals.filter(({ before }) => before?.quality === 'substituted').length;
  if (entered > 0)
    process.stdout.write(
      `${say`${entered} of them had been entered by a person before; odecet audit says by whom and why`}\n`,
    );
  process.stdout.write(`${say`audit entry ${audit.number}, hash ${audit.hash}`}\n`);
}

function valuesOf({ value, file }: SubstituteOptions): string | Promise<[UtcMs, string][]> {
  if (value !== undefined && file === undefined) return decimalText(value);
  if (value === undefined && file !== undefined) return valuesIn(file);
  throw new OdecetError('usage', 'give either --value or --file');
}

async function valuesIn(file: string): Promise<[UtcMs, string][]> {
  try {
    const values = new Map<UtcMs, string>();
    for (const row of csvRows(csvText(await readFile(file)))) {
      const { start, at, value } = valueIn(row);
      // Which of two would be meant, nobody knows.
      if (values.has(at)) throw new RangeError(`line ${row.line}: ${start} stands there twice`);
      values.set(at, value);
    }
    if (values.size === 0) throw new RangeError('there is no value in it');
    return [...values];
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const detail = `${file}: ${why}; expected a heading start;value and a line for each interval`;
    throw new OdecetError('value-refused', detail, { cause });
  }
}

function valueIn(row: CsvRow): { start: string; at: UtcMs; value: string } {
  const [start, value] = [row.cell('start'), row.number('value')];
  if (start === undefined || value === undefined) throw new RangeError(`line ${row.line} has no start or no value`);
  try {
    const at = parseUtc(start);
    return { start, at, value: decimalText(parseDecimal(value)) };
  } catch {
    throw new RangeError(
      `line ${row.line}: found "${start}" and "${value}", expected an instant with its offset like 2026-03-28T07:00+01:00, and a number`,
    );
  }
}
