import type { Command } from 'commander';
import type { Answer } from '../app/desk.ts';
import { localText } from '../app/local-time.ts';
import { OdecetError } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import { ask } from './ask.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { viewCommand } from './views.ts';
import { visible } from './visible.ts';

interface AuditOptions extends SpokenOptions {
  readonly config: string;
  readonly json?: true;
}

/** `odecet audit --config site.yaml`: what people decided, and whether the log is whole. */
export function auditCommand(): Command {
  return viewCommand(
    'audit',
    'what people decided and what a centre commanded, with a check of the chain of hashes',
  ).action(async (options: AuditOptions) => {
    const { answer, zone } = await ask(options.config, 'audit');
    const { faults, entries } = answer;
    const say = sayFor(options);
    if (options.json) process.stdout.write(`${JSON.stringify(answer)}\n`);
    else for (const entry of entries) process.stdout.write(`${entryLines(entry, zone, say).join('\n')}\n`);
    if (faults.length > 0)
      throw new OdecetError('audit-broken', faults.map(({ number, what }) => `entry ${number}: ${what}`).join('; '));
    if (!options.json)
      process.stdout.write(
        `${say`${entries.length} entries, the chain is whole; last hash ${entries.at(-1)?.hash ?? '-'}`}\n`,
      );
  });
}

type Entry = Answer<'audit'>['entries'][number];
type Said = NonNullable<Entry['said']>;

/** Who did what when, about what, and why: whatever is long has a line of its own. */
function entryLines({ number, said, hash }: Entry, zone: string, say: Say): string[] {
  const head = say`entry ${number}, hash ${hash.slice(0, 12)}`;
  if (!said) return [`${head}: ${say`cannot be read`}`];
  const who = 'by' in said ? `, ${said.by}` : '';
  const details = [...aboutOf(said, zone, say), reasonOf(said)].filter((line) => line !== '');
  const lines = [
    `${head}: ${localText(said.at, zone)}${who}, ${say.whole(said.what)}`,
    ...details.map((line) => `  ${line}`),
  ];
  return lines.map(visible);
}

function aboutOf(said: Said, zone: string, say: Say): string[] {
  switch (said.what) {
    case 'substitute': {
      const [from, to] = [said.intervals[0]?.start, said.intervals.at(-1)?.end];
      const count = said.intervals.length;
      const channel = say.whole(said.channel);
      if (from === undefined || to === undefined) return [`${said.point} ${channel}`];
      const about = say`${said.point} ${channel}, ${count} intervals from ${localText(from, zone)} to ${localText(to, zone)}`;
      return [
        about,
        ...(said.restores === undefined ? [] : [say`put back as entry ${said.restores} has it: the record was lost`]),
      ];
    }
    case 'delivered':
      return [say`${said.days.join(', ')}: message ${said.messages.join(', ')}`];
    case 'released':
      return [said.days.join(', ')];
    case 'heat':
      return [`${said.file}: ${heatOf(said.days)}`];
    case 'site-file':
      return [`${said.file}: sha256 ${said.before?.slice(0, 12) ?? '-'} -> ${said.hash.slice(0, 12)}`];
    case 'held':
      return [
        ...(said.doubt === undefined ? [] : [`vital.log: ${said.doubt}`]),
        say`days that were over by then wait for a person`,
      ];
    case 'restored':
      return restoredOf(said, zone, say);
    case 'command':
      return [`${said.kind} ${said.id.slice(0, 8)} ${said.outcome}`];
    case 'answer':
      return [`${said.id.slice(0, 8)} ${said.outcome}`];
    case 'stranger':
      return [];
  }
}

const HEAT_DAYS_SHOWN_MAX = 10;

/** What each day had before, and has now; of many the first and the last, JSON has them all. */
function heatOf(days: Extract<Said, { what: 'heat' }>['days']): string {
  const texts = days.map(({ day, before, value }) => `${day} ${before ?? '-'} -> ${value} kWh/m3`);
  if (texts.length <= HEAT_DAYS_SHOWN_MAX) return texts.join(', ');
  return `${texts[0]} … ${texts.at(-1)} (${texts.length})`;
}

function restoredOf(
  { file, backupAt, vital, vitalDoubt, holdsDays }: Extract<Said, { what: 'restored' }>,
  zone: string,
  say: Say,
): string[] {
  const taken = backupAt === undefined ? file : say`${file}, taken ${localText(backupAt, zone)}`;
  return [
    taken,
    ...(vital === undefined ? [] : [[vital, vitalDoubt].filter(Boolean).join(': ')]),
    ...(holdsDays ? [say`days that were over by then wait for a person`] : []),
  ];
}

function reasonOf(said: Said): string {
  if (said.what === 'heat' || said.what === 'restored' || said.what === 'held' || said.what === 'site-file') return '';
  if (said.what === 'substitute' || said.what === 'delivered' || said.what === 'released') return said.reason;
  return said.what === 'stranger' ? said.detail : [said.reason, said.detail].filter(Boolean).join(': ');
}
