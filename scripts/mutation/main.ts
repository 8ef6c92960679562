import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { PROJECT_FOLDER } from '../../src/app/project.ts';
import type { Fault } from './fault.ts';
import { planted } from './plant.ts';
import { PLANTED } from './planted.ts';

/** What the copy needs to be built and to run. */
const COPIED = [
  'src',
  'drivers',
  'device-config',
  'format-packs',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];
/** Short lives of small sites find most faults in seconds. */
const WEEKS = '0.45';
const POINTS = '3';
const PROGRAM = join('dist', 'src', 'main.js');
/** The same program without a fault. */
const SOUND_PROGRAM = join('sound', 'src', 'main.js');
/** Seconds on a machine that has nothing else to do; a busy one must not look like a fault that is not caught. */
const BUILD_MS_MAX = 1_200_000;
const RUN_MS_MAX = 1_800_000;

interface Result {
  readonly name: string;
  readonly caughtBy?: number;
  readonly how: string;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '50' },
  },
});
const chosen = PLANTED.filter(
  ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
);
if (chosen.length === 0) throw new Error(`no planted fault has ${positionals.join(' or ')} in its name`);
const results = triedAll(chosen);
const table = new Table({ head: ['planted fault', 'caught by seed', 'how'], style: { head: [], border: [] } });
for (const { name, caughtBy, how } of results) table.push([name, caughtBy ?? 'NOT CAUGHT', how.slice(0, 110)]);
process.stdout.write(`${table.toString()}\n`);
if (results.some(({ caughtBy }) => caughtBy === undefined)) process.exitCode = 1;

/** The checkout is never touched: the faults live and die in a copy, one after the other. */
function triedAll(faults: readonly Fault[]): Result[] {
  const folder = mkdtempSync(join(tmpdir(), 'odecet-mutant-'));
  try {
    for (const name of COPIED) cpSync(join(PROJECT_FOLDER, name), join(folder, name), { recursive: true });
    symlinkSync(join(PROJECT_FOLDER, 'node_modules'), join(folder, 'node_modules'));
    build(folder);
    renameSync(join(folder, 'dist'), join(folder, 'sound'));
    return faults.map((fault) => {
      const result = tried(fault, folder);
      const { name, caughtBy, how } = result;
      process.stderr.write(`${name}: ${caughtBy === undefined ? 'NOT caught' : `seed ${caughtBy}`}: ${how}\n`);
      return result;
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tried(fault: Fault, folder: string): Result {
  const edits = [fault, ...(fault.also ?? [])];
  const before = new Map(edits.map(({ file }) => [file, readFileSync(join(folder, file), 'utf8')]));
  try {
    for (const edit of edits) {
      const path = join(folder, edit.file);
      writeFileSync(path, planted(readFileSync(path, 'utf8'), edit));
    }
    build(folder);
    return run(fault, folder);
  } catch (error) {
    // The others are tried all the same.
    return { name: fault.name, how: `not planted: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    for (const [file, text] of before) writeFileSync(join(folder, file), text);
  }
}

/** A planted fault may leave something unused; only a program that does not come out at all is an error. */
function build(folder: string): void {
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  const compiler = join('node_modules', 'typescript', 'bin', 'tsc');
  const args = [compiler, '-p', 'tsconfig.build.json', '--noEmitOnError', 'false'];
  const { error, status, signal } = spawnSync(process.execPath, args, {
    cwd: folder,
    timeout: BUILD_MS_MAX,
    stdio: 'ignore',
  });
  if (error || !existsSync(join(folder, PROGRAM)))
    throw new Error(`the program was not built: ${error ?? signal ?? `the compiler ended with ${status}`}`);
}

function run(fault: Fault, folder: string): Result {
  const { name } = fault;
  const last = Number(values.seeds);
  const passedOver: number[] = [];
  for (let from = 1; from <= last; from = passedOver.at(-1)! + 1) {
    const { reports, why } = simulated(join(folder, PROGRAM), fault, from, last);
    const broken = reports.find((report) => report.broken.length > 0);
    // Not caught: a crash or a time-out of the whole program names no invariant, and may come from elsewhere.
    if (!broken && reports.length <= last - from)
      return { name, how: `the run of seed ${from + reports.length} did not come to an end: ${why}` };
    if (!broken) break;
    const { seed } = broken;
    // What breaks without the fault as well proves nothing about it.
    const sound = simulated(join(folder, SOUND_PROGRAM), fault, seed, seed);
    if (sound.reports[0]?.broken.length === 0) return { name, caughtBy: seed, how: broken.broken[0]! };
    process.stderr.write(
      `seed ${seed} breaks without "${name}" as well: ${sound.reports[0]?.broken[0] ?? sound.why}\n`,
    );
    passedOver.push(seed);
  }
  const but = passedOver.length > 0 ? `, but for ${passedOver.join(', ')}, which break without the fault as well` : '';
  return { name, how: `${last} seeds passed${but}` };
}

/** Runs seeds in the fault's weather until one breaks. */
function simulated(
  program: string,
  { faults, weeks = WEEKS, points = POINTS }: Fault,
  from: number,
  to: number,
): { readonly reports: readonly Report[]; readonly why: string } {
  const runs = String(to - from + 1);
  const args = ['sim', '--seed', String(from), '--runs', runs, '--weeks', weeks, '--points', points, '--json'];
  if (faults) args.push('--faults', faults);
  const done = spawnSync(process.execPath, [program, ...args], {
    timeout: RUN_MS_MAX,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const reports = done.stdout.split('\n').flatMap((line): Report[] => (line.startsWith('{') ? [JSON.parse(line)] : []));
  return { reports, why: done.error ? String(done.error) : done.stderr.trim().slice(-300) };
}

interface Report {
  readonly seed: number;
  readonly broken: readonly string[];
}
