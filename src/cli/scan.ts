import { Command, InvalidArgumentError } from 'commander';
import { fieldLine, lineConfigOf, refuseWhileGatewayRuns } from '../app/field/line.ts';
import { type ScanPlan, scanLine, siteSnippet } from '../app/field/scan.ts';
import { loadSite } from '../app/site-files.ts';
import { OdecetError } from '../core/failure.ts';
import type { LineConfig } from '../device/site.ts';
import { hostClock } from '../host/clock.ts';
import { progressBar } from './progress.ts';
import { stopSignal } from './signal.ts';

interface ScanOptions {
  readonly config: string;
  readonly primary?: true;
  readonly secondary?: true;
  readonly units?: ScanPlan['units'];
  readonly replyMs: number;
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
    .option('--json', 'print JSON lines: one for each meter, then a summary')
    .action(async (id: string, options: ScanOptions) => {
      const loaded = loadSite(options.config);
      const config = lineConfigOf(loaded, id);
      const plan = planOf(config, options);
      await refuseWhileGatewayRuns(loaded, id);
      const [clock, signal] = [hostClock(), stopSignal()];
      const line = fieldLine(config, clock);
      const { show, clear } = progressBar();
      try {
        await line.open(signal);
        const { found, unclear } = await scanLine(config, { line, clock, plan, progress: show, signal });
        clear();
        if (options.json) {
          for (const meter of found)
            process.stdout.write(`${JSON.stringify({ event: 'found', line: id, ...meter })}\n`);
          process.stdout.write(`${JSON.stringify({ event: 'done', line: id, found: found.length, unclear })}\n`);
          return;
        }
        process.stdout.write(siteSnippet(id, found));
        for (const place of unclear)
          process.stdout.write(`# something answered and could not be understood: ${place}\n`);
        process.stdout.write(`# ${found.length} found on the line ${id}\n`);
      } finally {
        clear();
        await line.close();
      }
    });
}

function planOf({ framing, id }: LineConfig, { primary, secondary, units, replyMs }: ScanOptions): ScanPlan {
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
