import type { Command } from 'commander';
import type { Answer } from '../app/desk.ts';
import { OdecetError } from '../core/failure.ts';
import { ask } from './ask.ts';
import { printTable } from './table.ts';
import { viewCommand } from './views.ts';

/** `odecet audit --config site.yaml`: what people decided, and whether the log is whole. */
export function auditCommand(): Command {
  return viewCommand(
    'audit',
    'what people decided and what a centre commanded, with a check of the chain of hashes',
  ).action(async ({ config, json }: { config: string; json?: true }) => {
    const { whole, faults, entries } = await ask(config, 'audit');
    if (json) process.stdout.write(`${JSON.stringify({ whole, faults, entries })}\n`);
    else printTable(entries.map(rowOf));
    if (faults.length > 0)
      throw new OdecetError('audit-broken', faults.map(({ number, what }) => `entry ${number}: ${what}`).join('; '));
    if (!json)
      process.stdout.write(
        `${entries.length} entries, the chain is whole; last hash ${entries.at(-1)?.hash ?? 'none'}\n`,
      );
  });
}

function rowOf({ number, said, hash }: Answer<'audit'>['entries'][number]) {
  return {
    number,
    at: said?.at,
    by: said && 'by' in said ? said.by : undefined,
    what: said?.what ?? 'unreadable',
    about: said && aboutOf(said),
    reason: said && reasonOf(said),
    hash: hash.slice(0, 12),
  };
}

type Said = NonNullable<Answer<'audit'>['entries'][number]['said']>;

function aboutOf(said: Said): string {
  switch (said.what) {
    case 'substitute':
      return `${said.point} ${said.channel}, ${said.intervals.length} from ${said.intervals[0]?.start ?? ''}`;
    case 'delivered':
      return `${said.days.join(', ')}: message ${said.messages.join(', ')}`;
    case 'command':
      return `${said.kind} ${said.id.slice(0, 8)} ${said.outcome}`;
    case 'answer':
      return `${said.id.slice(0, 8)} ${said.outcome}`;
    case 'stranger':
      return '';
  }
}

function reasonOf(said: Said): string {
  if (said.what === 'substitute' || said.what === 'delivered') return said.reason;
  return said.what === 'stranger' ? said.detail : [said.reason, said.detail].filter(Boolean).join(': ');
}
