import { Command, InvalidArgumentError } from 'commander';
import { parseFaults } from '../app/simulation/faults.ts';
import { type SimReport, simulate } from '../app/simulation/simulate.ts';
import { parseWhole } from './arguments.ts';
import { printTable } from './table.ts';

interface SimFlags {
  readonly seed: number;
  readonly weeks: number;
  readonly faults: string;
  readonly points?: number;
  readonly hourly?: true;
  readonly runs: number;
  readonly soak?: number;
  readonly json?: true;
}

/** `odecet sim --seed N --weeks W`: a whole site in imagined time, with bad weather, judged by what the meters and the operator know. */
export function simCommand(): Command {
  return new Command('sim')
    .description(
      'runs a whole imagined site in virtual time, with faults, and proves that no interval is lost or doubled',
    )
    .option('--seed <number>', 'the same seed gives the same run on every machine', whole, 1)
    .option('--weeks <number>', 'length of the run', weeksOf, 8)
    .option('--faults <list>', 'all, none, or kinds and groups with commas between', 'all')
    .option('--points <number>', 'how many metering points the site has', parseWhole)
    .option('--hourly', 'electricity hourly, too')
    .option('--runs <number>', 'so many seeds in a row, up to the first that is broken', parseWhole, 1)
    .option('--soak <minutes>', 'goes on with the next seeds for so long', positive)
    .option('--json', 'one line of JSON for each run')
    .action(async (flags: SimFlags) => {
      if (flags.soak !== undefined) return soak(flags, flags.soak);
      for (let seed = flags.seed; seed < flags.seed + flags.runs && process.exitCode === undefined; seed++)
        report(await run(flags, seed), flags);
    });
}

function run(flags: SimFlags, seed: number): Promise<SimReport> {
  const { weeks, faults, points, hourly } = flags;
  const options = { seed, weeks, faults: parseFaults(faults), ...(points && { points }), ...(hourly && { hourly }) };
  return simulate(options, () => performance.now());
}

/** Walks on from the first seed; every broken one is told, and the walk goes on. */
async function soak(flags: SimFlags, minutes: number): Promise<void> {
  const until = performance.now() + minutes * 60_000;
  let [runs, bad] = [0, 0];
  for (let seed = flags.seed; performance.now() < until; seed++) {
    const result = await run(flags, seed);
    runs++;
    if (result.broken.length > 0) bad++;
    if (result.broken.length > 0 || flags.json) report(result, flags);
    if (process.stderr.isTTY) process.stderr.write(`\rseed ${seed}: ${runs} runs, ${bad} broken `);
  }
  if (process.stderr.isTTY) process.stderr.write('\n');
  if (!flags.json) process.stdout.write(`${runs} runs from seed ${flags.seed} on, ${bad} broken\n`);
}

function report(result: SimReport, { json }: SimFlags): void {
  const isBroken = result.broken.length > 0;
  if (isBroken) process.exitCode = 1;
  if (json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const { faults, broken, time, trace, explained, ...counts } = result;
  printTable([counts]);
  process.stdout.write(`faults: ${listed(faults)}\nnot accepted, with a cause: ${listed(explained)}\n`);
  if (!isBroken) return;
  process.stdout.write(
    `\nseed ${result.seed} is broken at ${time}:\n${broken.slice(0, 20).join('\n')}\n\nbad weather, and the events until then:\n${trace?.join('\n')}\n`,
  );
}

function listed(counts: Readonly<Record<string, number>>): string {
  const there = Object.entries(counts).filter(([, count]) => count > 0);
  return there.map(([name, count]) => `${name} ${count}`).join(', ') || 'none';
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('give a whole number.');
}

/** Before the third day no day is over for so long that it must be accepted. */
function weeksOf(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && Math.round(value * 7) >= 3) return value;
  throw new InvalidArgumentError('give at least 0.4, which is three days.');
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('give a number above 0.');
}
