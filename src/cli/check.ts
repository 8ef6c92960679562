import { Command } from 'commander';
import pc from 'picocolors';
import { loadWay } from '../app/load-way.ts';
import { withMeterKeys } from '../app/meter-keys.ts';
import { loadSite } from '../app/site-files.ts';
import { problemText } from '../core/problem.ts';
import { hostClock } from '../host/clock.ts';
import { detailFor, type SpokenOptions, sayFor } from './say.ts';
import { printTable } from './table.ts';
import { languageOption } from './words.ts';

interface CheckOptions extends SpokenOptions {
  readonly json?: true;
  readonly files?: false;
}

/** `odecet check site.yaml`: everything that can be known to be wrong before the gateway starts. */
export function checkCommand(): Command {
  return new Command('check')
    .description('check a site file, its device files, format packs and certificates')
    .argument('<site.yaml>', 'the site file')
    .option('--no-files', 'leave out keys and certificates, which may be only on the gateway')
    .option('--json', 'print JSON')
    .addOption(languageOption())
    .action(async (path: string, options: CheckOptions) => {
      const loaded = loadSite(path);
      if (options.files !== false) {
        await loadWay(loaded, hostClock());
        await withMeterKeys(loaded);
      }
      const { site, devices } = loaded;
      const rows = site.points.map((point) => {
        const device = devices.get(point.device)!;
        return {
          point: point.code,
          name: point.name,
          commodity: point.commodity,
          device: point.device,
          model: device.config.model,
          line: device.config.line,
        };
      });
      if (options.json) {
        process.stdout.write(
          `${JSON.stringify({ site: site.site, ok: true, points: rows, warnings: loaded.warnings })}\n`,
        );
        return;
      }
      const say = sayFor(options);
      const detail = detailFor(options);
      for (const warning of loaded.warnings)
        process.stdout.write(`${pc.yellow(say`warning`)} ${detail(problemText(warning))}\n`);
      printTable(rows, say);
      process.stdout.write(
        `${pc.green(say`good`)} ${say`${path}: ${site.lines.length} lines, ${devices.size} devices, ${site.points.length} points`}\n`,
      );
    });
}
