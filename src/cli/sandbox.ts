import { Command } from 'commander';
import { clockFrom, parseClockText } from '../app/clock.ts';
import { hostEntropy } from '../host/entropy.ts';
import { hostLog } from '../host/log.ts';
import { loadSandboxConfig } from '../sandbox/config.ts';
import { startSandbox } from '../sandbox/server.ts';
import { untilSignal } from './signal.ts';

/** `odecet sandbox --config sandbox.yaml`: a stand-in for the operator's service. */
export function sandboxCommand(): Command {
  return new Command('sandbox')
    .description("a stand-in for the operator's service, for rehearsal; never the real one")
    .requiredOption('--config <sandbox.yaml>', 'its configuration')
    .option('--clock <setting>', 'rehearsal only: a faster wall clock, INSTANT@EPOCHMSxSCALE')
    .action(async ({ config: path, clock: text }: { config: string; clock?: string }) => {
      const config = await loadSandboxConfig(path);
      const clock = clockFrom(text === undefined ? undefined : parseClockText(text));
      const log = hostLog({ level: 'info', to: 'stdout', now: () => clock.now() });
      const sandbox = await startSandbox(config, { clock, entropy: hostEntropy(), log });
      log.info('sandbox-ready', { url: sandbox.url });
      await untilSignal();
      await sandbox.close();
    });
}
