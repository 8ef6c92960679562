import { createInterface } from 'node:readline/promises';
import { Command, InvalidArgumentError } from 'commander';
import { withLine } from '../app/field/line.ts';
import { planSetup, type Setup, setUp } from '../app/field/setup.ts';
import { loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import { hostClock } from '../host/clock.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { stopSignal } from './signal.ts';
import { languageOption } from './words.ts';

interface SetupOptions extends SpokenOptions {
  readonly config: string;
  readonly yes?: true;
}

/** `odecet setup link-reset|application-reset|baud DEVICE --config site.yaml`: the only commands that change a meter. */
export function setupCommand(): Command {
  const change = (name: string, description: string) =>
    new Command(name)
      .description(description)
      .argument('<device>', 'its id in the site file')
      .requiredOption('--config <site.yaml>', 'the site file')
      .option('--yes', 'do not ask; for a script')
      .addOption(languageOption());
  return new Command('setup')
    .description('change an M-Bus meter over its line; no other command changes one, and no counter is touched')
    .addCommand(
      change('link-reset', 'SND_NKE: the meter begins with its first telegram again').action(
        (id: string, options: SetupOptions) => run(id, { kind: 'link-reset' }, options),
      ),
    )
    .addCommand(
      change('application-reset', 'CI 50: the meter begins anew with what it sends')
        .option('--subcode <number>', 'what it sends from then on, 0 (everything) to 255', parseSubcode)
        .action((id: string, { subcode, ...options }: SetupOptions & { subcode?: number }) =>
          run(id, { kind: 'application-reset', ...(subcode !== undefined && { subcode }) }, options),
        ),
    )
    .addCommand(
      change('baud', 'CI B8 to BD: the meter speaks at another speed, on a serial line')
        .argument('<baud>', '300 to 9600', Number)
        .action((id: string, baud: number, options: SetupOptions) => run(id, { kind: 'baud', baud }, options)),
    );
}

async function run(id: string, setup: Setup, { config, yes, ...spoken }: SetupOptions): Promise<void> {
  const say = sayFor(spoken);
  const plan = planSetup(loadSite(config), id, setup, say);
  process.stdout.write(
    `${say`${id} on the line ${plan.line.id}: ${plan.what}`}\n${say`the way back: ${plan.wayBack}`}\n`,
  );
  const signal = stopSignal();
  if (!yes) await agreed(id, say, signal);
  const clock = hostClock();
  await withLine(plan.line, `setup ${setup.kind} ${id}`, clock, signal, (line) => setUp(plan, line, clock, signal));
  process.stdout.write(`${say`done: the meter acknowledged it`}\n`);
}

/** Typing the name of the meter is not done by accident. */
async function agreed(id: string, say: Say, signal: AbortSignal): Promise<void> {
  if (!process.stdin.isTTY)
    throw new OdecetError('usage', say`nobody can be asked here; with --yes it is done unasked`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const typed = await terminal.question(say`type ${id} to do it: `, { signal }).finally(() => terminal.close());
  if (typed.trim() !== id) throw new OdecetError('usage', say`nothing was done`);
}

function parseSubcode(text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= 0 && value <= 255) return value;
  throw new InvalidArgumentError('give 0 to 255, or 0x00 to 0xff.');
}
