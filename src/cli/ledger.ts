import type { Command } from 'commander';
import { planPoints } from '../app/plan.ts';
import type { Ledger } from '../buffer/index.ts';
import { marketIntervals } from '../core/calendar.ts';
import { isoUtc } from '../core/time.ts';
import { parseDay } from './arguments.ts';
import { printTable } from './table.ts';
import { viewCommand, withState } from './views.ts';

/** `odecet ledger --config site.yaml --day D`: what became of every interval of a day. */
export function ledgerCommand(): Command {
  return viewCommand(
    'ledger',
    'what became of every interval of a day: accepted, pending, rejected, missing, lost, doubled',
  )
    .requiredOption('--day <date>', 'the gas day and electricity day, e.g. 2026-03-28', parseDay)
    .option('--rows', 'every interval, not only the counts')
    .action(async ({ config, day, json, rows }: { config: string; day: string; json?: true; rows?: true }) => {
      const perPoint = await withState(config, async ({ site, devices }, { buffer }) =>
        Promise.all(
          planPoints(site, devices).map(async ({ code, commodity, minutes, published }) => {
            const spans = marketIntervals(commodity, day, site.zone, minutes);
            return {
              code,
              commodity,
              ledger: await buffer.ledger(published.map((channel) => ({ point: code, channel, spans }))),
            };
          }),
        ),
      );
      if (json)
        process.stdout.write(
          `${JSON.stringify({ day, points: perPoint.map(({ code, commodity, ledger }) => ({ point: code, commodity, ...ledger.counts, ...(rows && { rows: rowsOf(ledger) }) })) })}\n`,
        );
      else if (rows) printTable(perPoint.flatMap(({ ledger }) => rowsOf(ledger)));
      else printTable(perPoint.map(({ code, commodity, ledger }) => ({ point: code, commodity, ...ledger.counts })));
    });
}

function rowsOf({ rows }: Ledger) {
  return rows.map((row) => ({
    point: row.point,
    channel: row.channel,
    start: isoUtc(row.start),
    state: row.state,
    quality: row.quality,
    version: row.version,
    messages: row.deliveries.map(({ message, state }) => `${message} ${state}`).join(', '),
  }));
}
