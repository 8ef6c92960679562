import { Command } from 'commander';
import { clockFrom, parseClockText } from '../app/clock.ts';
import { runGateway } from '../app/run-gateway.ts';
import { loadSite } from '../app/site-files.ts';
import { problemText } from '../core/problem.ts';
import { hostLog } from '../host/log.ts';
import { stopSignal } from './signal.ts';

/** `odecet gateway --config site.yaml`: the main job on real lines. */
export function gatewayCommand(): Command {
  return new Command('gateway')
    .description('read the meters, make profiles, send each closed day; runs until stopped')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--clock <setting>', 'rehearsal only: a faster wall clock, INSTANT@EPOCHMSxSCALE')
    .action(async ({ config, clock: text }: { config: string; clock?: string }) => {
      const signal = stopSignal();
      const loaded = loadSite(config, 'first');
      const clock = clockFrom(text === undefined ? undefined : parseClockText(text));
      const log = hostLog({ level: loaded.site.log.level, to: 'stdout', now: () => clock.now() });
      for (const warning of loaded.warnings) log.warn('site-warning', { detail: problemText(warning) });
      await runGateway(loaded, clock, log, signal);
    });
}
