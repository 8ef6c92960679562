import { FAULT_KINDS } from '../../src/app/simulation/faults.ts';
import { type SimOptions, simulate } from '../../src/app/simulation/simulate.ts';
import { cost, type Figure, report } from './figure.ts';

// scripts/bench sim [--json]: CPU time of the simulator for eight weeks with all faults (six points, as `odecet sim` has without
// --points) and for a year without faults. CPU time, because what other programs do on the machine hardly counts in it.
const LIMIT_MS = 3_000;

async function figure(name: string, options: SimOptions): Promise<Figure> {
  const before = process.cpuUsage();
  const { broken } = await simulate(options, () => performance.now());
  const { user, system } = process.cpuUsage(before);
  if (broken.length > 0) throw new Error(`${name}: ${broken[0]}`);
  return cost(name, (user + system) / 1_000, 'ms', LIMIT_MS, 1);
}

await report(
  [
    () => figure('eight weeks of six meters, all faults', { seed: 1, weeks: 8, faults: FAULT_KINDS }),
    () =>
      figure('a year of ten meters, hourly, no faults', { seed: 1, weeks: 52, faults: [], points: 10, hourly: true }),
  ],
  process.argv.slice(2),
);
