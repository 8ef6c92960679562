import { Command } from 'commander';
import { type BackupDone, backup } from '../app/backup.ts';
import { loadSite } from '../app/site-files.ts';
import type { Say } from '../core/say.ts';
import { hostClock } from '../host/clock.ts';
import { readPassphrase } from './passphrase.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { languageOption } from './words.ts';

interface BackupOptions extends SpokenOptions {
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
    .addOption(languageOption())
    .action(async (file: string, options: BackupOptions) => {
      const { config, passphraseFile, json } = options;
      const done = await backup(loadSite(config), file, await readPassphrase(passphraseFile), hostClock());
      process.stdout.write(json ? `${JSON.stringify(done)}\n` : told(done, sayFor(options)));
    });
}

function told({ file, at, encrypted, leftOut, masked }: BackupDone, say: Say): string {
  if (encrypted) return `${say`${file}: the state of ${at}, encrypted, with keys and passwords`}\n`;
  const lines = [say`${file}: the state of ${at}, not encrypted, without keys and passwords`];
  if (leftOut.length > 0) lines.push(say`left out, to be brought separately: ${leftOut.join(', ')}`);
  if (masked > 0)
    lines.push(
      say`masked in addresses of the site file, to be entered again after a restore: ${masked} names, passwords and keys`,
    );
  return `${lines.join('\n')}\n`;
}
