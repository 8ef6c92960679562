import type { Command } from 'commander';
import type { Answer } from '../app/desk.ts';
import { add, type Decimal, decimalText, parseDecimal, ZERO } from '../core/decimal.ts';
import type { Language } from '../core/say.ts';
import { parseDay } from './arguments.ts';
import { ask } from './ask.ts';
import { barChart } from './chart.ts';
import { sayFor } from './say.ts';
import { printTable } from './table.ts';
import { viewCommand } from './views.ts';
import { languageOf, languageOption, type Word, word } from './words.ts';

interface ProfileOptions {
  readonly config: string;
  readonly day: string;
  readonly lang?: Language;
  readonly json?: true;
}

/** `odecet profile POINT --config site.yaml --day D`: the intervals of one point's day, as a chart and a table. */
export function profileCommand(): Command {
  return viewCommand('profile', "the intervals of one point's market day")
    .argument('<point>', "the point's EIC or EAN")
    .requiredOption('--day <date>', 'the market day, e.g. 2026-03-28', parseDay)
    .addOption(languageOption())
    .action(async (code: string, { config, day, lang, json }: ProfileOptions) => {
      const profile = await ask(config, 'profile', { point: code, day });
      const rows = profile.intervals.map((row) => ({ ...row, findings: row.findings.join(', ') }));
      if (json) process.stdout.write(`${JSON.stringify({ ...profile, intervals: rows })}\n`);
      else printProfile(rows, lang ?? languageOf(process.env));
    });
}

type Row = Omit<Answer<'profile'>['intervals'][number], 'findings'> & { readonly findings: string };

/** Where the output is no terminal: a day of quarters in one line. */
const COLUMNS = 120;

function printProfile(rows: readonly Row[], language: Language): void {
  for (const channel of new Set(rows.map((row) => row.channel))) {
    const own = rows.filter((row) => row.channel === channel);
    const values = own.map(({ value }) => (value === '' ? undefined : parseDecimal(value)));
    const sum = values.reduce<Decimal>((total, value) => add(total, value ?? ZERO), ZERO);
    const holes = values.filter((value) => !value).length;
    const tail = holes === 0 ? '' : `, ${holes} ${word('missing', language)}`;
    process.stdout.write(
      `\n${word(channel, language)}: ${word('sum', language)} ${decimalText(sum)} ${own[0]?.unit}${tail}\n`,
    );
    const bars = own.map(({ quality }, n) => {
      const value = values[n];
      return { ...(value && { value }), soft: quality === 'estimated' || quality === 'substituted' };
    });
    process.stdout.write(`${barChart(bars, process.stdout.columns ?? COLUMNS)}\n`);
  }
  printTable(
    rows.map((row) => inLanguage(row, language)),
    sayFor({ lang: language }),
  );
}

function inLanguage(row: Row, language: Language) {
  const heading = (name: Word) => word(name, language);
  return {
    [heading('start')]: row.start,
    [heading('minutes')]: row.minutes,
    [heading('channel')]: heading(row.channel),
    [heading('value')]: row.value,
    [heading('unit')]: row.unit,
    [heading('quality')]: heading(row.quality),
    [heading('version')]: row.version,
    [heading('findings')]: row.findings,
  };
}
