import { Command, Option } from 'commander';
import { z } from 'zod';
import { askGateway } from '../app/control.ts';
import { deliveredByHand } from '../app/delivered-by-hand.ts';
import { releasedByHand } from '../app/released-by-hand.ts';
import { type LoadedSite, loadSite } from '../app/site-files.ts';
import { openState, type State, stateFolder } from '../app/state.ts';
import { OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import { hostClock } from '../host/clock.ts';
import { hostLog } from '../host/log.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { whoAsks } from './who.ts';
import { languageOption } from './words.ts';

interface ReleaseOptions extends SpokenOptions {
  readonly config: string;
  readonly commodity?: Commodity;
  readonly delivered?: true;
  readonly reason?: string;
  readonly by?: string;
}

/** `odecet release --config site.yaml DAY...`: a person says what the operator has of days that are held after a restore. */
export function releaseCommand(): Command {
  return new Command('release')
    .description(
      'after a restore: send days that the operator says it has nothing of, or close those that it has (--delivered)',
    )
    .argument('<days...>', 'market days, e.g. 2026-03-28')
    .requiredOption('--config <site.yaml>', 'the site file')
    .addOption(new Option('--commodity <name>', 'only this one of the days').choices(['gas', 'electricity']))
    .option('--delivered', 'the operator has the days: close their messages as accepted and never send them')
    .option('--reason <text>', 'how that is known; with --delivered it is needed')
    .option('--by <name>', 'who decided; with --delivered it is needed (default: this user)')
    .addOption(languageOption())
    .action(async (days: string[], options: ReleaseOptions) => {
      const wrong = days.find((day) => !/^\d{4}-\d\d-\d\d$/.test(day));
      if (wrong !== undefined) throw new OdecetError('usage', `"${wrong}" is no day; expected one like 2026-03-28`);
      const loaded = loadSite(options.config);
      process.stdout.write(
        options.delivered ? await closeDays(loaded, days, options) : await releaseDays(loaded, days, options),
      );
    });
}

async function releaseDays(loaded: LoadedSite, days: string[], options: ReleaseOptions): Promise<string> {
  const { commodity, reason = '', by = whoAsks() } = options;
  const order = { days, commodity, reason, by };
  const asked = await askGateway(stateFolder(loaded), { ...order, do: 'release' });
  const released = asked
    ? asked.done
    : await onStopped(loaded, (state) => releasedByHand(state, order, hostClock().now()));
  return `${sayFor(options)`released, with those before: ${listOf(released)}`}\n`;
}

async function closeDays(loaded: LoadedSite, days: string[], options: ReleaseOptions): Promise<string> {
  const { commodity, reason = '', by = '' } = options;
  const order = { days, commodity, reason, by };
  const asked = await askGateway(stateFolder(loaded), { ...order, do: 'delivered' });
  const closed = asked
    ? asked.done
    : await onStopped(loaded, (state) => deliveredByHand(state, order, hostClock().now()));
  return `${sayFor(options)`closed as delivered: ${listOf(closed)}`}\n`;
}

async function onStopped<T>(loaded: LoadedSite, work: (state: State) => Promise<T>): Promise<T> {
  const state = await openState(loaded, hostClock(), hostLog({ level: 'warn' }), 'change');
  try {
    return await work(state);
  } finally {
    await state.close();
  }
}

function listOf(names: unknown): string {
  return z.array(z.string()).parse(names).join(', ');
}
