import type { Command } from 'commander';
import type { Answer } from '../app/desk.ts';
import { localText } from '../app/local-time.ts';
import { add, type Decimal, decimalText, parseDecimal, ZERO } from '../core/decimal.ts';
import type { Say } from '../core/say.ts';
import { parseDay } from './arguments.ts';
import { ask } from './ask.ts';
import { barChart } from './chart.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { printTable } from './table.ts';
import { viewCommand } from './views.ts';

interface ProfileOptions extends SpokenOptions {
  readonly config: string;
  readonly day: string;
  readonly wide?: boolean;
  readonly json?: true;
}

/** `odecet profile POINT --config site.yaml --day D`: the intervals of one point's day, as a chart and a table. */
export function profileCommand(): Command {
  return viewCommand('profile', "the intervals of one point's market day")
    .argument('<point>', "the point's EIC or EAN")
    .requiredOption('--day <date>', 'the market day, e.g. 2026-03-28', parseDay)
    .option('--wide', 'with length, unit and version of each interval; wider than 80 columns')
    .action(async (code: string, options: ProfileOptions) => {
      const { answer: profile, zone } = await ask(options.config, 'profile', { point: code, day: options.day });
      const rows = profile.intervals.map((row) => ({ ...row, findings: row.findings.join(', ') }));
      if (options.json) process.stdout.write(`${JSON.stringify({ ...profile, intervals: rows })}\n`);
      else {
        printProfile(rows, zone, options, sayFor(options));
        if (options.day < profile.since) process.stdout.write(`${before(profile, sayFor(options))}\n`);
      }
    });
}

function before({ point, since }: Answer<'profile'>, say: Say): string {
  return say`${point} is answered for since ${since}; nothing is expected before`;
}

type Row = Omit<Answer<'profile'>['intervals'][number], 'findings'> & { readonly findings: string };

/** Where the output is no terminal: a day of quarters in one line. */
const COLUMNS = 120;

function printProfile(rows: readonly Row[], zone: string, { wide = false }: ProfileOptions, say: Say): void {
  const channels = [...new Set(rows.map((row) => row.channel))];
  if (channels.length === 0) printTable([], say);
  for (const channel of channels) {
    const own = rows.filter((row) => row.channel === channel);
    const values = own.map(({ value }) => (value === '' ? undefined : parseDecimal(value)));
    const sum = values.reduce<Decimal>((total, value) => add(total, value ?? ZERO), ZERO);
    const holes = own.filter(({ value, quality }) => value === '' && quality !== 'given-up').length;
    const tail = holes === 0 ? '' : `, ${say`${holes} missing`}`;
    const title = say`${say.whole(channel)}: sum ${decimalText(sum)} ${own[0]?.unit ?? ''}`;
    process.stdout.write(`\n${title}${tail}\n`);
    const bars = own.map(({ quality }, n) => {
      const value = values[n];
      return { ...(value && { value }), soft: quality === 'estimated' || quality === 'substituted' };
    });
    process.stdout.write(`${barChart(bars, process.stdout.columns ?? COLUMNS)}\n`);
    printTable(
      own.map((row) => (wide ? wideRow(row, zone, say) : narrowRow(row, zone, say))),
      say,
      wide ? Number.POSITIVE_INFINITY : process.stdout.columns,
    );
  }
}

/** What fits 80 columns. */
function narrowRow({ start, value, quality, findings }: Row, zone: string, say: Say) {
  return { start: localText(start, zone), value, quality: say.whole(quality), findings };
}

function wideRow(row: Row, zone: string, say: Say) {
  const { start, value, quality, findings } = narrowRow(row, zone, say);
  return { start, minutes: row.minutes, value, unit: row.unit, quality, version: row.version, findings };
}
