import { Command } from 'commander';
import { type LoadedSite, loadSite } from '../app/site-files.ts';
import { openState, type State } from '../app/state.ts';
import { hostClock } from '../host/clock.ts';
import { hostLog } from '../host/log.ts';
import { languageOption } from './words.ts';

/** Opens a site's memory for a command that only looks, and closes it whatever happens. */
export async function withState<T>(config: string, look: (loaded: LoadedSite, state: State) => Promise<T>): Promise<T> {
  const loaded = loadSite(config);
  const state = await openState(loaded, hostClock(), hostLog({ level: 'warn' }), 'look');
  try {
    return await look(loaded, state);
  } finally {
    await state.close();
  }
}

/** A command over a site's memory with the options they all have. */
export function viewCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--json', 'print JSON')
    .addOption(languageOption());
}
