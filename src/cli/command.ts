import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { z } from 'zod';
import { askInParts } from '../app/control.ts';
import { type LoadedRelay, loadRelayConfig } from '../app/relay.ts';
import { folderOrThrow, relayCommandHistory } from '../app/relay-commands.ts';
import { COMMAND_KINDS } from '../core/command-kind.ts';
import { type FailureCode, OdecetError } from '../core/failure.ts';
import { didYouMean } from '../core/guess.ts';
import { isoUtc, MINUTE_MS, parseUtc, SECOND_MS, type UtcMs } from '../core/time.ts';
import { parseWhole } from './arguments.ts';
import { printTable } from './table.ts';
import { whoAsks } from './who.ts';

interface CommandOptions {
  readonly config: string;
  readonly from?: string;
  readonly to?: string;
  readonly within: number;
  readonly valid: number;
  readonly by?: string;
  readonly list?: true;
  readonly json?: true;
}

/** `odecet command SITE KIND ... --config relay.yaml`: asks a site for something over the relay that runs here, and waits. */
export function commandCommand(): Command {
  return new Command('command')
    .description('ask a site for something over the relay that runs on this machine, and wait for its answer')
    .argument('[site]', 'its name')
    .argument('[kind]', `one of ${COMMAND_KINDS.join(', ')}`)
    .argument(
      '[what...]',
      'read DEVICE | backfill POINT | resend [MESSAGE] | pack NAME FILE | site-file FILE | diagnose',
    )
    .requiredOption('--config <relay.yaml>', "the relay's configuration")
    .option('--from <time>', 'backfill: an instant; pack: the first date on which messages are made with it')
    .option('--to <time>', 'backfill: an instant')
    .option('--within <seconds>', 'site-file: rolled back when the site has not reported well by then', parseWhole, 300)
    .option('--valid <minutes>', 'how long the command waits for a site that is away', parseWhole, 60)
    .option('--by <name>', 'who asks, for the logs (default: this user)')
    .option('--list', 'what was commanded and answered so far, with a check of the log')
    .option('--json', 'print JSON')
    .action(async (site: string | undefined, kind: string | undefined, what: string[], options: CommandOptions) => {
      const loaded = await loadRelayConfig(options.config);
      if (options.list) return list(loaded, site, options.json === true);
      if (site === undefined || kind === undefined) throw usage('name a site and a kind of command, or --list');
      await give(loaded, { site, kind, body: await bodyOf(kind, what, options) }, options);
    });
}

type BodyMaker = (what: readonly string[], options: CommandOptions) => object | Promise<object>;

const BODIES: Readonly<Record<(typeof COMMAND_KINDS)[number], BodyMaker>> = {
  read: ([device]) => ({ device: given(device, 'the device') }),
  backfill: ([point], { from, to }) => ({
    point: given(point, 'the point'),
    from: instantOf(given(from, '--from')),
    to: to === undefined ? Date.now() : instantOf(to),
  }),
  resend: ([message]) => (message === undefined ? {} : { message }),
  pack: async ([pack, file], { from }) => ({
    pack: given(pack, 'the pack as the site file does, e.g. ote/gasdat'),
    from: given(from, '--from'),
    text: await textOf(given(file, 'its file')),
  }),
  'site-file': async ([file], { within }) => ({
    text: await textOf(given(file, 'the site file')),
    withinMs: within * SECOND_MS,
  }),
  diagnose: () => ({}),
};

async function bodyOf(kind: string, what: readonly string[], options: CommandOptions): Promise<string> {
  const known = COMMAND_KINDS.find((each) => each === kind);
  if (!known)
    throw usage(
      `no kind "${kind}"; there are ${COMMAND_KINDS.join(', ')} ${didYouMean(kind, [...COMMAND_KINDS])}`.trim(),
    );
  return JSON.stringify(await BODIES[known](what, options));
}

function given<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw usage(`name ${what}`);
  return value;
}

function instantOf(text: string): UtcMs {
  try {
    return parseUtc(text);
  } catch {
    throw usage(`"${text}": give an instant with its offset like 2026-03-28T07:00+01:00`);
  }
}

async function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw usage(`${file} cannot be read: ${String(cause)}`);
  });
}

const progressPart = z.object({ progress: z.enum(['given', 'sent', 'taken']) });
const endSchema = z.object({
  id: z.string(),
  outcome: z.enum(['done', 'refused', 'failed', 'unanswered']),
  reason: z.string(),
  detail: z.string(),
  at: z.number(),
  result: z.string(),
});
type End = z.output<typeof endSchema>;

const WORDS = {
  given: 'signed and logged',
  sent: 'sent; waiting for the site',
  taken: 'the site has it and works on it',
} as const;

const LEFT =
  'the relay stopped or was started anew; what it has signed and logged it goes on with. See "odecet command --list" before you give it again';

async function give(
  loaded: LoadedRelay,
  wish: { readonly site: string; readonly kind: string; readonly body: string },
  { valid, by, json }: CommandOptions,
): Promise<void> {
  const request = { do: 'command', ...wish, by: by ?? whoAsks(), validMs: valid * MINUTE_MS };
  const folder = folderOrThrow(loaded);
  const parts = await askInParts(folder, request);
  if (!parts)
    throw new OdecetError('relay-not-here', `nobody listens in ${folder}; start the relay, or ask where it runs`);
  let told = '';
  for (;;) {
    const { done, value } = await parts.next().catch((error: unknown) => {
      if (!(error instanceof OdecetError) || error.failure.code !== 'line-lost') throw error;
      throw new OdecetError('command-unwatched', `${wish.site}: ${LEFT}`, { cause: error });
    });
    if (done) return report(wish.site, endSchema.parse(value), json === true);
    const { progress } = progressPart.parse(value);
    // What is sent again every few seconds is no news.
    if (progress !== told) process.stderr.write(`${wish.site}: ${WORDS[progress]}\n`);
    told = progress;
  }
}

const EXIT: Readonly<Record<Exclude<End['outcome'], 'done'>, FailureCode>> = {
  refused: 'command-refused',
  failed: 'command-failed',
  unanswered: 'command-unanswered',
};

function report(site: string, { result, ...end }: End, json: boolean): void {
  const value: unknown = JSON.parse(result);
  if (json) process.stdout.write(`${JSON.stringify({ site, ...end, at: isoUtc(end.at), result: value })}\n`);
  else if (value !== null) process.stdout.write(`${JSON.stringify(value, null, 1)}\n`);
  if (end.outcome !== 'done') throw new OdecetError(EXIT[end.outcome], `${site}, ${end.reason}: ${end.detail}`);
  process.stderr.write(`${site}: done${end.detail && `: ${end.detail}`}\n`);
}

async function list(loaded: LoadedRelay, site: string | undefined, json: boolean): Promise<void> {
  const { commands, faults, lastHash } = await relayCommandHistory(loaded);
  const rows = commands
    .filter(({ given: { site: of } }) => site === undefined || of === site)
    .map(({ given: { site: of, id, kind, by, madeAt }, ended }) => ({
      at: isoUtc(madeAt),
      site: of,
      kind,
      by,
      id,
      outcome: ended?.outcome ?? 'open',
      answered: ended && isoUtc(ended.at),
      detail: ended ? [ended.reason, ended.detail].filter(Boolean).join(': ') : '',
    }));
  if (json) process.stdout.write(`${JSON.stringify({ whole: faults.length === 0, faults, commands: rows })}\n`);
  else printTable(rows);
  if (faults.length > 0)
    throw new OdecetError('audit-broken', faults.map(({ number, what }) => `entry ${number}: ${what}`).join('; '));
  if (!json) process.stdout.write(`${rows.length} commands, the chain is whole; last hash ${lastHash || 'none'}\n`);
}

function usage(detail: string): OdecetError {
  return new OdecetError('usage', detail);
}
