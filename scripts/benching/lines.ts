import { report } from './figure.ts';
import { alwaysBySecondary, polledBySecondary, polledEachSecond, polledFlatOut } from './lines/fairness.ts';
import { mbusCycle, modbusCycle } from './lines/paced.ts';
import { boundaryReads } from './lines/parallel.ts';
import { decoding, exchange } from './lines/work.ts';

// scripts/bench lines [--json]: how near lines come to what their wires allow, and what the program itself costs.
await report(
  [
    mbusCycle,
    modbusCycle,
    () => polledEachSecond(1, 0.95),
    () => polledEachSecond(3, 0.9),
    () => polledFlatOut(1, 0.95),
    () => polledFlatOut(3, 0.9),
    () => alwaysBySecondary(0.95),
    () => polledBySecondary(1, 0.95),
    () => polledBySecondary(3, 0.9),
    decoding,
    exchange,
    boundaryReads,
  ],
  process.argv.slice(2),
);
