import type { Command } from 'commander';
import type { PointLedger } from '../app/ledger.ts';
import { OdecetError } from '../core/failure.ts';
import { parseDay } from './arguments.ts';
import { ask } from './ask.ts';
import { printTable } from './table.ts';
import { viewCommand } from './views.ts';

interface LedgerOptions {
  readonly config: string;
  readonly day?: string;
  readonly from?: string;
  readonly to?: string;
  readonly rows?: true;
  readonly json?: true;
}

/** `odecet ledger --config site.yaml --day D | --from D --to D`: what became of every interval. */
export function ledgerCommand(): Command {
  return viewCommand('ledger', 'what became of every interval: accepted, pending, rejected, missing, lost, doubled')
    .option('--day <date>', 'one gas day and electricity day, e.g. 2026-03-28', parseDay)
    .option('--from <date>', 'the first of several days', parseDay)
    .option('--to <date>', 'the last of them', parseDay)
    .option('--rows', 'every interval, not only the counts')
    .action(async (options: LedgerOptions) => {
      const { from, to } = daysOf(options);
      const ledgers = await ask(options.config, 'ledger', { from, to });
      const { rows, json } = options;
      if (json) process.stdout.write(`${JSON.stringify(asJson(options, from, to, ledgers))}\n`);
      else if (rows) printTable(ledgers.flatMap((ledger) => ledger.rows));
      else printTable([...ledgers.map(countsOf), { point: 'all', commodity: '', ...totalOf(ledgers) }]);
    });
}

function daysOf({ day, from, to }: LedgerOptions): { from: string; to: string } {
  if (day !== undefined && from === undefined && to === undefined) return { from: day, to: day };
  if (day === undefined && from !== undefined && to !== undefined && from <= to) return { from, to };
  throw new OdecetError('usage', 'give either --day, or --from and --to with --from not after --to');
}

function asJson({ day, rows }: LedgerOptions, from: string, to: string, ledgers: readonly PointLedger[]) {
  return {
    ...(day === undefined ? { from, to } : { day }),
    points: ledgers.map((ledger) => ({ ...countsOf(ledger), ...(rows && { rows: ledger.rows }) })),
    total: totalOf(ledgers),
  };
}

function countsOf({ point, commodity, counts }: PointLedger) {
  return { point, commodity, ...counts };
}

function totalOf(ledgers: readonly PointLedger[]) {
  const total = { expected: 0, accepted: 0, pending: 0, rejected: 0, missing: 0, lost: 0, doubled: 0 };
  for (const { counts } of ledgers) for (const name of COUNTS) total[name] += counts[name];
  return total;
}

const COUNTS = ['expected', 'accepted', 'pending', 'rejected', 'missing', 'lost', 'doubled'] as const;
