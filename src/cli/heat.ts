import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { importHeat } from '../app/heat-sources.ts';
import { heatFromCsv } from '../app/heat-table.ts';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import { OdecetError } from '../core/failure.ts';

/** `odecet heat import FILE --config site.yaml`: combustion heat of gas days, also while the gateway runs. */
export function heatCommand(): Command {
  const importing = new Command('import')
    .description('take over combustion heat from a CSV file (day;kWhPerM3); a running gateway follows within a minute')
    .argument('<file.csv>', 'gas days like 2026-03-28 and kWh/m3, with a heading')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--json', 'print JSON')
    .action(async (file: string, { config, json }: { config: string; json?: true }) => {
      const loaded = loadSite(config);
      const table = heatFromCsv(await readCsv(file), file);
      const counts = await importHeat(stateFolder(loaded), table);
      const said = `${counts.added} days added, ${counts.changed} changed; ${counts.days} days are known by import\n`;
      process.stdout.write(json ? `${JSON.stringify(counts)}\n` : said);
    });
  return new Command('heat').description('combustion heat of gas days').addCommand(importing);
}

async function readCsv(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new OdecetError('heat-invalid', `${file} cannot be read`, { cause });
  }
}
