import { expect, test } from 'vitest';
import { alwaysBySecondary, polledBySecondary, polledEachSecond } from '../scripts/benching/lines/fairness.ts';
import { mbusCycle, modbusCycle } from '../scripts/benching/lines/paced.ts';

/** Experiment A: ten units, each asked once a second, behind a line that answers one request at a time in 20 ms, in virtual time, through the real drivers. */
test.each([
  ['one silent', () => polledEachSecond(1, 0.95)],
  ['three silent', () => polledEachSecond(3, 0.9)],
  ['M-Bus by secondary address, one silent', () => polledBySecondary(1, 0.95)],
  ['M-Bus by secondary address, three silent', () => polledBySecondary(3, 0.9)],
  ['M-Bus by secondary address, nobody silent, against two exchanges', () => alwaysBySecondary(0.95)],
])('%s: the others keep their rate', async (_name, measure) => {
  const { ratio, least } = await measure();
  expect(ratio).toBeGreaterThanOrEqual(least);
  // Faster than alone would mean that something else was measured.
  expect(ratio).toBeLessThanOrEqual(1);
});

test.each([
  ['M-Bus at 2400 Bd', mbusCycle],
  ['Modbus RTU at 9600 Bd', modbusCycle],
])('%s: 32 meters take no longer than the wire', async (_name, measure) => {
  const { ratio, least } = await measure();
  expect(ratio).toBeGreaterThanOrEqual(least);
  expect(ratio).toBeLessThanOrEqual(1.001);
});
