import { Command } from 'commander';
import { exportMessages } from '../app/export.ts';

/** `odecet export --config site.yaml --out DIR`: every message and answer, verbatim. */
export function exportCommand(): Command {
  return new Command('export')
    .description('write every message and its answer, as they were sent and received')
    .requiredOption('--config <site.yaml>', 'the site file')
    .requiredOption('--out <dir>', 'where messages/ and answers/ are written')
    .option('--json', 'print JSON')
    .action(async ({ config, out, json }: { config: string; out: string; json?: true }) => {
      const counts = await exportMessages(config, out);
      process.stdout.write(
        json
          ? `${JSON.stringify(counts)}\n`
          : `${counts.messages} messages, ${counts.rejected} of them rejected, in ${out}\n`,
      );
    });
}
