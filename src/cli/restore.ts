import { Command } from 'commander';
import { type RestoreDone, restore } from '../app/restore.ts';
import { hostClock } from '../host/clock.ts';
import { readPassphrase } from './passphrase.ts';
import { detailFor, type SpokenOptions, sayFor } from './say.ts';
import { whoAsks } from './who.ts';
import { languageOption } from './words.ts';

interface RestoreOptions extends SpokenOptions {
  readonly into: string;
  readonly passphraseFile?: string;
  readonly vital?: string;
  readonly storage?: string;
  readonly by?: string;
  readonly json?: true;
}

/** `odecet restore FILE --into DIR`: lays out a site's folder on a fresh machine. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('lay out a site from a backup in a new folder; nothing that exists is touched')
    .argument('<file>', 'the backup')
    .requiredOption('--into <dir>', 'a folder that is new or empty')
    .option('--storage <dir>', 'where the store goes, new or empty; without it where the site file says')
    .option('--passphrase-file <file>', 'what the backup was encrypted with')
    .option('--vital <file>', 'vital.log of the machine it came from: what was sent after the backup is then known too')
    .option('--by <name>', 'who does it, for the audit log (default: this user)')
    .option('--json', 'print JSON')
    .addOption(languageOption())
    .action(async (file: string, options: RestoreOptions) => {
      const { into, storage, passphraseFile, vital, json, by = whoAsks() } = options;
      const passphrase = await readPassphrase(passphraseFile);
      const done = await restore({ file, into, storage, passphrase, vital, by }, hostClock());
      process.stdout.write(json ? `${JSON.stringify(done)}\n` : told(done, options));
    });
}

function told(done: RestoreDone, options: RestoreOptions): string {
  const say = sayFor(options);
  const lines = [say`${done.folder}: ${done.files} files; ${done.storage}: ${done.rows} records`];
  const { vital = '' } = options;
  if (done.vitalDoubt !== undefined)
    lines.push(say`${vital}: ${detailFor(options)(done.vitalDoubt)}; what it knows was taken over`);
  if (done.holdsDays)
    lines.push(
      say`Without the old machine's vital.log, whole and from its end, nobody here knows what it sent after the backup. New messages of days that are over by now wait: ask the operator which of them it has, then "odecet release --config site.yaml DAY..." for those that it does not have, and the same with --delivered for those that it has.`,
    );
  return `${lines.join('\n')}\n`;
}
