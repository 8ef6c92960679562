import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { siteTable } from '../app/heat.ts';
import { importHeat } from '../app/heat-sources.ts';
import { heatFromCsv } from '../app/heat-table.ts';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import { compare } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import type { MarketDay } from '../core/time.ts';

/** `odecet heat import FILE --config site.yaml`: combustion heat of gas days, also while the gateway runs. */
export function heatCommand(): Command {
  const importing = new Command('import')
    .description('take over combustion heat from a CSV file (day;kWhPerM3); a running gateway follows within a minute')
    .argument('<file.csv>', 'gas days like 2026-03-28 and kWh/m3, with a heading')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--json', 'print JSON')
    .action(async (file: string, { config, json }: { config: string; json?: true }) => {
      const loaded = loadSite(config);
      const { site } = loaded;
      const table = heatFromCsv(await readCsv(file), file, site.zone);
      const counts = await importHeat(stateFolder(loaded), table);
      // What stands in the site file goes first: an import for its days changes nothing, and must not look as if it did.
      const own = siteTable(site);
      const overruled = [...table].flatMap(([day, heat]) =>
        own.has(day) && compare(own.get(day)!, heat) !== 0 ? [day] : [],
      );
      const said = `${counts.added} days added, ${counts.changed} changed; ${counts.days} days are known by import\n`;
      process.stdout.write(json ? `${JSON.stringify({ ...counts, overruled })}\n` : said);
      if (overruled.length > 0 && !json) process.stderr.write(`${overruledText(overruled, config)}\n`);
    });
  return new Command('heat').description('combustion heat of gas days').addCommand(importing);
}

function overruledText(days: readonly MarketDay[], config: string): string {
  return `without effect for ${days.join(', ')}: combustionHeat: in ${config} states another value, which goes first; correct it there`;
}

async function readCsv(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new OdecetError('heat-invalid', `${file} cannot be read`, { cause });
  }
}
