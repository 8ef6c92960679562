import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/** The first two hundred are in scripts/test. */
const FROM = 201;
const SEEDS = 200;
const WORKERS = 2;
const SHORT = ['--weeks', '0.45', '--points', '3'];

/** [seed, weeks, points]: other shapes than the two hundred; those of a seed that is divisible by three have a small disk. */
const SHAPES = [
  [1200, 2, 6],
  [1233, 2, 6],
  [3003, 1.5, 4],
  [3006, 0.8, 8],
  [3010, 3, 1],
  [3011, 0.45, 12],
] as const;

/** Two hundred more short lives of small sites; `odecet sim --seed N --weeks 0.45 --points 3` shows one of them. */
describe('the simulation', () => {
  it(`${SEEDS} seeds with all faults: nothing lost, doubled or wrong`, { timeout: 900_000 }, async () => {
    const each = SEEDS / WORKERS;
    const workers = await Promise.all(Array.from({ length: WORKERS }, (_, n) => walk(FROM + n * each, each)));
    expect(workers.flat()).toHaveLength(SEEDS);
    expect(workers.flat().filter(({ broken }) => broken.length > 0)).toEqual([]);
  });

  it.each(SHAPES)('seed %i, %d weeks, %i points', { timeout: 900_000 }, async (seed, weeks, points) => {
    const site = ['--weeks', String(weeks), '--points', String(points)];
    expect(await walk(seed, 1, site)).toEqual([{ seed, broken: [] }]);
  });

  it('of eleven weeks gives up what was accepted two months ago, and nothing else', { timeout: 900_000 }, async () => {
    const long = ['--weeks', '10.5', '--points', '1', '--faults', 'operator'];
    expect(await walk(2, 1, long)).toEqual([{ seed: 2, broken: [] }]);
  });

  // A message that waited for a person on a second machine went out on a third, which was given the second one's own copy of what was sent.
  it('of eleven weeks in which machines go on from backups that overlap', { timeout: 900_000 }, async () => {
    const replaced = ['--weeks', '11', '--points', '1', '--faults', 'machine-replaced'];
    expect(await walk(4, 1, replaced)).toEqual([{ seed: 4, broken: [] }]);
  });

  // A day that was given up was made again as missing by the day beside it, which never was accepted.
  it('of eleven weeks with all faults', { timeout: 900_000 }, async () => {
    const long = ['--weeks', '11', '--points', '2', '--hourly'];
    expect(await walk(71, 1, long)).toEqual([{ seed: 71, broken: [] }]);
  });
});

interface Told {
  readonly seed: number;
  readonly broken: readonly string[];
}

async function walk(from: number, count: number, site = SHORT): Promise<Told[]> {
  const args = ['dist/src/main.js', 'sim', '--seed', String(from), '--runs', String(count), ...site, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 28 }).catch(
    (failed: { readonly stdout: string }) => failed,
  );
  return stdout
    .trim()
    .split('\n')
    .map((line) => {
      const { seed, broken }: Told = JSON.parse(line);
      return { seed, broken };
    });
}
