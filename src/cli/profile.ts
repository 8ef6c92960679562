import type { Command } from 'commander';
import { planPoints } from '../app/plan.ts';
import { isoLocal, marketDaySpan } from '../core/calendar.ts';
import { decimalText } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { spanMinutes } from '../core/time.ts';
import { parseDay } from './arguments.ts';
import { printTable } from './table.ts';
import { viewCommand, withState } from './views.ts';

/** `odecet profile POINT --config site.yaml --day D`: the intervals of one point's day. */
export function profileCommand(): Command {
  return viewCommand('profile', "the intervals of one point's market day")
    .argument('<point>', "the point's EIC or EAN")
    .requiredOption('--day <date>', 'the market day, e.g. 2026-03-28', parseDay)
    .action(async (code: string, { config, day, json }: { config: string; day: string; json?: true }) => {
      const rows = await withState(config, async ({ site, devices, file }, { buffer }) => {
        const points = planPoints(site, devices);
        const point = points.find((plan) => plan.code === code);
        if (!point)
          throw new OdecetError(
            'usage',
            `${file} has no point "${code}"; it has ${points.map((plan) => plan.code).join(', ')}`,
          );
        const span = marketDaySpan(point.commodity, day, site.zone);
        const channels = await Promise.all(point.published.map((channel) => buffer.intervals(code, channel, span)));
        return channels.flat().map((interval) => ({
          start: isoLocal(interval.start, site.zone),
          minutes: spanMinutes(interval),
          channel: interval.channel,
          value: interval.value ? decimalText(interval.value) : '',
          unit: interval.unit,
          quality: interval.quality,
          version: interval.version,
          findings: interval.findings.join(', '),
        }));
      });
      if (json) process.stdout.write(`${JSON.stringify({ point: code, day, intervals: rows })}\n`);
      else printTable(rows);
    });
}
