import { Command } from 'commander';
import { backup } from '../app/backup.ts';
import { loadSite } from '../app/site-files.ts';
import { hostClock } from '../host/clock.ts';
import { readPassphrase } from './passphrase.ts';

interface BackupOptions {
  readonly config: string;
  readonly passphraseFile?: string;
  readonly json?: true;
}

/** `odecet backup FILE --config site.yaml`: a consistent copy of a site, its gateway running or not. */
export function backupCommand(): Command {
  return new Command('backup')
    .description("copy a site's memory and configuration into one file; its gateway may go on running")
    .argument('<file>', 'a new file')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--passphrase-file <file>', 'encrypt, and bring keys and passwords along; without it they are left out')
    .option('--json', 'print JSON')
    .action(async (file: string, { config, passphraseFile, json }: BackupOptions) => {
      const done = await backup(loadSite(config), file, await readPassphrase(passphraseFile), hostClock());
      const secrets = done.encrypted
        ? 'encrypted, with keys and passwords'
        : 'not encrypted, without keys and passwords';
      process.stdout.write(json ? `${JSON.stringify(done)}\n` : `${file}: the state of ${done.at}, ${secrets}\n`);
    });
}
