import type { Command } from 'commander';
import { isoLocal, marketDaySpan } from '../core/calendar.ts';
import { add, decimalText, ZERO } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import { spanMinutes } from '../core/time.ts';
import { parseDay } from './arguments.ts';
import { barChart } from './chart.ts';
import { printTable } from './table.ts';
import { pointOf, viewCommand, withState } from './views.ts';
import { type Language, languageOf, languageOption, type Word, word } from './words.ts';

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
      const { intervals, zone } = await withState(config, async (loaded, { buffer }) => {
        const point = pointOf(loaded, code);
        const span = marketDaySpan(point.commodity, day, loaded.site.zone);
        const channels = await Promise.all(point.published.map((channel) => buffer.intervals(code, channel, span)));
        return { intervals: channels, zone: loaded.site.zone };
      });
      const rows = intervals.flat().map((interval) => rowOf(interval, zone));
      if (json) process.stdout.write(`${JSON.stringify({ point: code, day, intervals: rows })}\n`);
      else printProfile(intervals, zone, lang ?? languageOf(process.env));
    });
}

function rowOf(interval: Interval, zone: string) {
  return {
    start: isoLocal(interval.start, zone),
    minutes: spanMinutes(interval),
    channel: interval.channel,
    value: interval.value ? decimalText(interval.value) : '',
    unit: interval.unit,
    quality: interval.quality,
    version: interval.version,
    findings: interval.findings.join(', '),
  };
}

function printProfile(channels: readonly (readonly Interval[])[], zone: string, language: Language): void {
  for (const intervals of channels) {
    const [first] = intervals;
    if (!first) continue;
    const sum = intervals.reduce((total, { value }) => add(total, value ?? ZERO), ZERO);
    const holes = intervals.filter(({ value }) => !value).length;
    const tail = holes === 0 ? '' : `, ${holes} ${word('missing', language)}`;
    process.stdout.write(
      `\n${word(first.channel, language)}: ${word('sum', language)} ${decimalText(sum)} ${first.unit}${tail}\n`,
    );
    const bars = intervals.map(({ value, quality }) => ({
      ...(value && { value }),
      soft: quality === 'estimated' || quality === 'substituted',
    }));
    process.stdout.write(`${barChart(bars)}\n`);
  }
  printTable(channels.flat().map((interval) => inLanguage(rowOf(interval, zone), interval, language)));
}

function inLanguage(row: ReturnType<typeof rowOf>, { channel, quality }: Interval, language: Language) {
  const heading = (name: Word) => word(name, language);
  return {
    [heading('start')]: row.start,
    [heading('minutes')]: row.minutes,
    [heading('channel')]: heading(channel),
    [heading('value')]: row.value,
    [heading('unit')]: row.unit,
    [heading('quality')]: heading(quality),
    [heading('version')]: row.version,
    [heading('findings')]: row.findings,
  };
}
