import { Command } from 'commander';
import { restore } from '../app/restore.ts';
import { hostClock } from '../host/clock.ts';
import { readPassphrase } from './passphrase.ts';

interface RestoreOptions {
  readonly into: string;
  readonly passphraseFile?: string;
  readonly vital?: string;
  readonly storage?: string;
  readonly json?: true;
}

const HELD = `Without the old machine's whole vital.log nobody here knows what it sent after the backup. New messages of days that are over by now
wait: ask the operator which of them it has, then "odecet release --config site.yaml DAY..." for those that it does not have,
and the same with --delivered for those that it has.
`;

/** `odecet restore FILE --into DIR`: lays out a site's folder on a fresh machine. */
export function restoreCommand(): Command {
  return new Command('restore')
    .description('lay out a site from a backup in a new folder; nothing that exists is touched')
    .argument('<file>', 'the backup')
    .requiredOption('--into <dir>', 'a folder that is new or empty')
    .option('--storage <dir>', 'where the store goes, new or empty; without it where the site file says')
    .option('--passphrase-file <file>', 'what the backup was encrypted with')
    .option('--vital <file>', 'vital.log of the machine it came from: what was sent after the backup is then known too')
    .option('--json', 'print JSON')
    .action(async (file: string, { into, storage, passphraseFile, vital, json }: RestoreOptions) => {
      const passphrase = await readPassphrase(passphraseFile);
      const done = await restore({ file, into, storage, passphrase, vital }, hostClock());
      const doubt = done.vitalDoubt === undefined ? '' : `${vital}: ${done.vitalDoubt}; what it knows was taken.\n`;
      const words = done.holdsDays ? `${doubt}${HELD}` : '';
      process.stdout.write(
        json
          ? `${JSON.stringify(done)}\n`
          : `${done.folder}: ${done.files} files; ${done.storage}: ${done.rows} records\n${words}`,
      );
    });
}
