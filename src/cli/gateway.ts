import { Command } from 'commander';
import { clockFrom, parseClockText } from '../app/clock.ts';
import { keepGateway } from '../app/keep-gateway.ts';
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
      const clock = clockFrom(text === undefined ? undefined : parseClockText(text));
      await keepGateway(config, clock, (level) => hostLog({ level, to: 'stdout', now: () => clock.now() }), signal);
    });
}
