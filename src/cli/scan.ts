import { Command, InvalidArgumentError } from 'commander';
import { deviceLibrary } from '../app/device-files.ts';
import { lineConfigOf, withLine } from '../app/field/line.ts';
import { cutShort, type ScanOutcome, type ScanPlan, scanLine } from '../app/field/scan.ts';
import { siteSnippet } from '../app/field/snippet.ts';
import { suggester } from '../app/field/suggest.ts';
import { searchFolders } from '../app/project.ts';
import { type LoadedSite, loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import type { Say } from '../core/say.ts';
import type { LineConfig } from '../device/site.ts';
import { hostClock } from '../host/clock.ts';
import { progressBar } from './progress.ts';
import { type SpokenOptions, sayFor } from './say.ts';
import { stopSignal } from './signal.ts';
import { languageOption } from './words.ts';

interface ScanOptions extends SpokenOptions {
  readonly config: string;
  readonly primary?: true;
  readonly secondary?: true;
  readonly units?: ScanPlan['units'];
  readonly replyMs: number;
  readonly lateMs?: number;
  readonly json?: true;
}

/** Silence inside an answer that ends it, as slow converters need it. */
const GAP_MS = 100;
/** MODBUS over Serial Line V1.02, clause 2.2: 0 is broadcast, 248 to 255 are reserved. */
const UNITS = { from: 1, to: 247 };

/** `odecet scan LINE --config site.yaml`: who is on a line, as lines for the site file. */
export function scanCommand(): Command {
  return new Command('scan')
    .description('find the meters on a line; asks only what changes nothing')
    .argument('<line>', 'its id in the site file')
    .requiredOption('--config <site.yaml>', 'the site file')
    .option('--primary', 'M-Bus: primary addresses 0 to 250 (both searches unless one is named)')
    .option('--secondary', 'M-Bus: search by secondary address')
    .option('--units <from-to>', 'Modbus: units to ask (1-247 unless given)', parseUnits)
    .option('--reply-ms <ms>', 'how long a meter may take to begin its answer', parseMs, 500)
    .option('--late-ms <ms>', 'for so long after that nobody else is asked (as long again unless given)', parseMs)
    .option('--json', 'print JSON lines: one for each meter, then a summary')
    .addOption(languageOption())
    .action(async (id: string, options: ScanOptions) => {
      const loaded = loadSite(options.config);
      const config = lineConfigOf(loaded, id);
      const plan = planOf(config, options);
      const [clock, signal] = [hostClock(), stopSignal()];
      const say = sayFor(options);
      const { show, clear } = progressBar(say);
      const outcome = await withLine(config, `scan ${id}`, clock, signal, (line) =>
        scanLine(config, { line, clock, plan, progress: show, signal }),
      ).finally(clear);
      if (options.json) printJson(id, outcome);
      else printFound(loaded, config, outcome, say);
      if (outcome.cutShortBy !== undefined) throw cutShort(outcome);
    });
}

function printJson(line: string, { found, unclear, cutShortBy }: ScanOutcome): void {
  for (const meter of found) process.stdout.write(`${JSON.stringify({ event: 'found', line, ...meter })}\n`);
  const complete = cutShortBy === undefined;
  process.stdout.write(`${JSON.stringify({ event: 'done', line, found: found.length, unclear, complete })}\n`);
}

function printFound({ site, folder }: LoadedSite, { id, framing }: LineConfig, outcome: ScanOutcome, say: Say): void {
  const { found, unclear, cutShortBy } = outcome;
  const library = deviceLibrary(searchFolders(folder, 'device-config'));
  const suggest = suggester(library, framing === 'mbus' ? 'mbus' : 'modbus', say);
  const known = site.devices.filter(({ line }) => line === id);
  process.stdout.write(siteSnippet(id, found, known, suggest, say));
  for (const place of unclear)
    process.stdout.write(`# ${say`something answered and could not be understood: ${place}`}\n`);
  const count = say`${found.length} found on the line ${id}`;
  const ended = cutShortBy === undefined ? '' : say` before the scan was ended; there may be more`;
  process.stdout.write(`# ${count}${ended}\n`);
}

function planOf({ framing, id }: LineConfig, { primary, secondary, units, replyMs, lateMs }: ScanOptions): ScanPlan {
  if (framing === 'mbus' ? units !== undefined : primary || secondary) {
    const fits = framing === 'mbus' ? '--primary and --secondary' : '--units';
    throw new OdecetError('usage', `the line "${id}" has framing ${framing}: give ${fits}`);
  }
  const both = !primary && !secondary;
  return {
    primary: both || primary === true,
    secondary: both || secondary === true,
    units: units ?? UNITS,
    replyWithinMs: replyMs,
    lateAnswerMs: lateMs ?? replyMs,
    gapMs: GAP_MS,
  };
}

function parseUnits(text: string): ScanPlan['units'] {
  const match = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (match && from >= 1 && from <= to && to <= 255) return { from, to };
  throw new InvalidArgumentError('give a unit or a range like 1-32.');
}

function parseMs(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 10 && value <= 60_000) return value;
  throw new InvalidArgumentError('give milliseconds from 10 to 60000.');
}
