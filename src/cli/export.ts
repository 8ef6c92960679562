import { Command } from 'commander';
import { exportMessages } from '../app/export.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { languageOption } from './words.ts';

interface ExportOptions extends SpokenOptions {
  readonly config: string;
  readonly out: string;
  readonly json?: true;
}

/** `odecet export --config site.yaml --out DIR`: every message and answer, verbatim. */
export function exportCommand(): Command {
  return new Command('export')
    .description('write every message and its answer, as they were sent and received')
    .requiredOption('--config <site.yaml>', 'the site file')
    .requiredOption('--out <dir>', 'where messages/ and answers/ are written')
    .option('--json', 'print JSON')
    .addOption(languageOption())
    .action(async ({ config, out, json, ...spoken }: ExportOptions) => {
      const counts = await exportMessages(config, out);
      const say = sayFor(spoken);
      process.stdout.write(
        json
          ? `${JSON.stringify(counts)}\n`
          : `${say`${counts.messages} messages, ${counts.rejected} of them rejected, in ${out}`}\n`,
      );
    });
}
