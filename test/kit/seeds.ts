import { expect, it } from 'vitest';
import { FAULT_KINDS } from '../../src/app/simulation/faults.ts';
import { simulate } from '../../src/app/simulation/simulate.ts';

/** So many short lives of small sites are walked through by every run of the tests; scripts/soak walks through the next two hundred. */
const SEEDS = 200;

/** Every `of`-th seed, from `first` on: one worker walks through each part. */
export function walkSeeds(first: number, of: number): void {
  const seeds = Array.from({ length: Math.ceil((SEEDS - first + 1) / of) }, (_, n) => first + n * of);
  it.each(seeds)('seed %i', { timeout: 120_000 }, async (seed) => {
    const { broken } = await simulate({ seed, weeks: 0.45, points: 3, faults: FAULT_KINDS }, () => 0);
    expect(broken).toEqual([]);
  });
}
