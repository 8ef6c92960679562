import type { Command } from 'commander';
import { chainFaults } from '../app/audit-chain.ts';
import { readAudit } from '../app/trace.ts';
import { OdecetError } from '../core/failure.ts';
import { printTable } from './table.ts';
import { viewCommand, withState } from './views.ts';

/** `odecet audit --config site.yaml`: what people decided, and whether the log is whole. */
export function auditCommand(): Command {
  return viewCommand('audit', 'what people decided, with a check of the chain of hashes').action(
    async ({ config, json }: { config: string; json?: true }) => {
      const log = await withState(config, async (_, { buffer }) => buffer.auditLog());
      const faults = chainFaults(log);
      const entries = log.map(({ number, text, hash }) => ({ number, hash, said: readAudit(text) }));
      if (json) process.stdout.write(`${JSON.stringify({ whole: faults.length === 0, faults, entries })}\n`);
      else printTable(entries.map(rowOf));
      if (faults.length > 0)
        throw new OdecetError('audit-broken', faults.map(({ number, what }) => `entry ${number}: ${what}`).join('; '));
      if (!json)
        process.stdout.write(`${log.length} entries, the chain is whole; last hash ${log.at(-1)?.hash ?? 'none'}\n`);
    },
  );
}

function rowOf({ number, said, hash }: { number: number; said: ReturnType<typeof readAudit>; hash: string }) {
  return {
    number,
    at: said?.at,
    by: said?.by,
    what: said?.what ?? 'unreadable',
    point: said && `${said.point} ${said.channel}`,
    intervals: said && `${said.intervals.length} from ${said.intervals[0]?.start ?? ''}`,
    reason: said?.reason,
    hash: hash.slice(0, 12),
  };
}
