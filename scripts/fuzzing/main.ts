import { Command, InvalidArgumentError } from 'commander';
import { seededRandom } from '../../src/sim/random.ts';
import type { FuzzCase } from './fuzz.ts';
import { mbusFuzz } from './mbus.ts';
import { modbusFuzz } from './modbus.ts';

/** `scripts/fuzz PROTOCOL --cases N --seed S`: exit status 1 and the failing case's number when the decoder is at fault. */
const PROTOCOLS: Readonly<Record<string, () => FuzzCase>> = { mbus: mbusFuzz, modbus: modbusFuzz };
/** Memory after the run may be this much above what it was when a tenth was done. */
const GROWTH_BYTES_MAX = 20 * 2 ** 20;

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('give a whole number above 0.');
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function run(protocol: string, cases: number, seed: string): boolean {
  const make = PROTOCOLS[protocol];
  if (!make) throw new Error(`no fuzz for "${protocol}"; there is ${Object.keys(PROTOCOLS).join(', ')}`);
  const fuzz = make();
  const chance = seededRandom(seed);
  const started = performance.now();
  let [accepted, slowestMs, heapAtTenth] = [0, 0, 0];
  for (let n = 1; n <= cases; n++) {
    const from = performance.now();
    // Each case has its own chance, so that it can be run again by itself: its number is its name.
    const outcome = fuzz(chance.fork(String(n)));
    slowestMs = Math.max(slowestMs, performance.now() - from);
    if (outcome.accepted) accepted += 1;
    if (outcome.fault !== undefined) {
      process.stdout.write(`${protocol}: seed ${seed}, case ${n}: ${outcome.fault}\n`);
      return false;
    }
    if (n === Math.ceil(cases / 10)) heapAtTenth = heapBytes();
  }
  const seconds = (performance.now() - started) / 1000;
  const growth = heapBytes() - heapAtTenth;
  process.stdout.write(
    `${protocol}: seed ${seed}, ${cases} cases, ${accepted} accepted, ${Math.round(cases / seconds)}/s, ` +
      `slowest ${slowestMs.toFixed(1)} ms, memory ${growth < 0 ? '' : '+'}${(growth / 2 ** 20).toFixed(1)} MiB\n`,
  );
  if (growth <= GROWTH_BYTES_MAX) return true;
  process.stdout.write(`${protocol}: memory grew by more than ${GROWTH_BYTES_MAX} bytes\n`);
  return false;
}

new Command('fuzz')
  .argument('<protocol>', Object.keys(PROTOCOLS).join(' or '))
  .option('--cases <n>', 'how many', count, 100_000)
  .option('--seed <s>', 'any text; printed, so that a run can be had again', String(Date.now()))
  .action((protocol: string, { cases, seed }: { cases: number; seed: string }) => {
    if (!run(protocol, cases, seed)) process.exitCode = 1;
  })
  .parse();
