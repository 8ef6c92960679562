import { FAULT_KINDS } from '../../src/app/simulation/faults.ts';
import { type SimOptions, simulate } from '../../src/app/simulation/simulate.ts';
import { cost, type Figure, report } from './figure.ts';

// scripts/bench sim [--json]: how long the simulator takes for a year without faults and for eight weeks with all of them.
const LIMIT_MS = 3_000;

async function figure(name: string, options: SimOptions): Promise<Figure> {
  const { ms, broken } = await simulate(options, () => performance.now());
  if (broken.length > 0) throw new Error(`${name}: ${broken[0]}`);
  return cost(name, ms, 'ms', LIMIT_MS, 1);
}

await report(
  [
    () =>
      figure('a year of ten meters, hourly, no faults', { seed: 1, weeks: 52, faults: [], points: 10, hourly: true }),
    () => figure('eight weeks of six meters, all faults', { seed: 1, weeks: 8, faults: FAULT_KINDS }),
  ],
  process.argv.slice(2),
);
