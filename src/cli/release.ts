import { Command } from 'commander';
import { askGateway } from '../app/control.ts';
import { readHeldDays } from '../app/held.ts';
import { loadSite } from '../app/site-files.ts';
import { stateFolder } from '../app/state.ts';
import { OdecetError } from '../core/failure.ts';
import { hostFolder } from '../host/folder.ts';

/** `odecet release --config site.yaml DAY...`: a person says that the operator has nothing of these days. */
export function releaseCommand(): Command {
  return new Command('release')
    .description(
      'after a restore: send days that the operator says it has nothing of; only then is sending them no double',
    )
    .argument('<days...>', 'market days, e.g. 2026-03-28')
    .requiredOption('--config <site.yaml>', 'the site file')
    .action(async (days: string[], { config }: { config: string }) => {
      const wrong = days.find((day) => !/^\d{4}-\d\d-\d\d$/.test(day));
      if (wrong !== undefined) throw new OdecetError('usage', `"${wrong}" is no day; expected one like 2026-03-28`);
      const loaded = loadSite(config);
      const state = stateFolder(loaded);
      const asked = await askGateway(state, { do: 'release', days });
      const released = asked
        ? asked.done
        : await (await readHeldDays(hostFolder(state), loaded.site.zone)).release(days);
      process.stdout.write(`released: ${JSON.stringify(released)}\n`);
    });
}
