import { expect, it } from 'vitest';
import { seededRandom } from '../../src/sim/random.ts';
import { mbusFuzz } from './mbus.ts';

it('20,000 M-Bus frames of one seed: no fault, and both verdicts are met', () => {
  const fuzz = mbusFuzz();
  const chance = seededRandom('unit');
  let accepted = 0;
  for (let n = 0; n < 20_000; n++) {
    const outcome = fuzz(chance.fork(String(n)));
    expect(outcome.fault, `case ${n}`).toBeUndefined();
    if (outcome.accepted) accepted += 1;
  }
  expect(accepted).toBeGreaterThan(1_000);
  expect(accepted).toBeLessThan(19_000);
});
