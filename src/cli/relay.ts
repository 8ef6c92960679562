import { Command } from 'commander';
import { clockFrom, parseClockText } from '../app/clock.ts';
import { loadRelayConfig } from '../app/relay.ts';
import { runRelay } from '../app/run-relay.ts';
import { hostLog } from '../host/log.ts';
import { stopSignal } from './signal.ts';

interface RelayOptions {
  readonly config: string;
  readonly embeddedBroker?: true;
  readonly clock?: string;
}

/** `odecet relay --config relay.yaml`: the centre. */
export function relayCommand(): Command {
  return new Command('relay')
    .description(
      "take the sites' messages from MQTT, send them to the operator, return the answers; runs until stopped",
    )
    .requiredOption('--config <relay.yaml>', 'the configuration')
    .option('--embedded-broker', 'be the broker too: for one machine and for rehearsal')
    .option('--clock <setting>', 'rehearsal only: a faster wall clock, INSTANT@EPOCHMSxSCALE')
    .action(async ({ config, embeddedBroker, clock: text }: RelayOptions) => {
      const signal = stopSignal();
      const loaded = await loadRelayConfig(config);
      const clock = clockFrom(text === undefined ? undefined : parseClockText(text));
      const log = hostLog({ level: loaded.config.log.level, to: 'stdout', now: () => clock.now() });
      await runRelay(loaded, embeddedBroker === true, clock, log, signal);
    });
}
