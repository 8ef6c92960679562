import type { Command } from 'commander';
import { type PointLedger, totalOf } from '../app/ledger.ts';
import { localText } from '../app/local-time.ts';
import { OdecetError } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import { parseDay } from './arguments.ts';
import { ask } from './ask.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { printTable } from './table.ts';
import { viewCommand } from './views.ts';

interface LedgerOptions extends SpokenOptions {
  readonly config: string;
  readonly day?: string;
  readonly from?: string;
  readonly to?: string;
  readonly point?: string;
  readonly rows?: true;
  readonly json?: true;
}

/** `odecet ledger --config site.yaml --day D | --from D --to D`: what became of every interval. */
export function ledgerCommand(): Command {
  return viewCommand(
    'ledger',
    'what became of every interval: accepted, pending, rejected, missing, lost, given up, doubled',
  )
    .option('--day <date>', 'one gas day and electricity day, e.g. 2026-03-28', parseDay)
    .option('--from <date>', 'the first of several days', parseDay)
    .option('--to <date>', 'the last of them', parseDay)
    .option('--point <code>', 'only this point, by its EIC or EAN')
    .option('--rows', 'every interval, not only the counts')
    .action(async (options: LedgerOptions) => {
      const days = daysOf(options);
      const { rows = false, json, point } = options;
      const { answer, zone } = await ask(options.config, 'ledger', { ...days, rows, ...(point && { point }) });
      const say = sayFor(options);
      if (json) process.stdout.write(`${JSON.stringify(asJson(options, days, answer))}\n`);
      else if (rows) printRows(answer, zone, say);
      else printCounts(answer, days.from, say);
    });
}

interface Days {
  readonly from: string;
  readonly to: string;
}

function daysOf({ day, from, to }: LedgerOptions): Days {
  if (day !== undefined && from === undefined && to === undefined) return { from: day, to: day };
  if (day === undefined && from !== undefined && to !== undefined && from <= to) return { from, to };
  throw new OdecetError('usage', 'give either --day, or --from and --to with --from not after --to');
}

/** In UTC, for programs. */
function asJson({ day, rows }: LedgerOptions, { from, to }: Days, ledgers: readonly PointLedger[]) {
  return {
    ...(day === undefined ? { from, to } : { day }),
    points: ledgers.map(({ point, commodity, counts, notYetDue, since, rows: own }) => ({
      point,
      commodity,
      ...counts,
      notYetDue,
      since,
      ...(rows && { rows: own }),
    })),
    total: { ...totalOf(ledgers), notYetDue: notYetDueOf(ledgers) },
  };
}

function notYetDueOf(ledgers: readonly PointLedger[]): number {
  return ledgers.reduce((sum, { notYetDue }) => sum + notYetDue, 0);
}

function printCounts(ledgers: readonly PointLedger[], from: string, say: Say): void {
  const counted = ledgers.map(({ point, counts }) => ({ point, counts }));
  const all = ledgers.length > 1 ? [{ point: say`all`, counts: totalOf(ledgers) }] : [];
  printTable(
    [...counted, ...all].map(({ point, counts: { givenUp, doubled, ...counts } }) => ({
      point,
      ...counts,
      'given\nup': givenUp,
      doubled,
    })),
    say,
  );
  const late = ledgers.filter(({ since }) => from < since);
  for (const first of new Set(late.map(({ since }) => since))) {
    const points = late.filter(({ since }) => since === first).map(({ point }) => point);
    const named = points.length === ledgers.length && points.length > 1 ? say`all` : points.join(', ');
    process.stdout.write(`${say`answered for since ${first}, nothing is expected before: ${named}`}\n`);
  }
  const notYetDue = notYetDueOf(ledgers);
  if (notYetDue > 0)
    process.stdout.write(`${say`not yet due, and not expected: ${notYetDue} intervals that are not over`}\n`);
  if (totalOf(ledgers).givenUp > 0)
    process.stdout.write(
      `${say`given up: they were accepted, and went for their age (storage.retention in the site file)`}\n`,
    );
}

function printRows(ledgers: readonly PointLedger[], zone: string, say: Say): void {
  for (const { point, rows } of ledgers)
    for (const channel of new Set(rows.map((row) => row.channel))) {
      process.stdout.write(`${point} ${say.whole(channel)}\n`);
      const own = rows.filter((row) => row.channel === channel);
      const isAnyTold = own.some(({ told }) => told !== undefined);
      printTable(
        own.map(({ start, state, quality, version, messages, told }) => ({
          start: localText(start, zone),
          state: say.whole(state),
          quality: quality && say.whole(quality),
          version,
          messages,
          ...(isAnyTold && { told }),
        })),
        say,
      );
    }
}
