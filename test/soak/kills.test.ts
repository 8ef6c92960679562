import { expect, test } from 'vitest';
import { killedDay } from '../kit/killed-day.ts';
import type { RehearsalPlan } from '../kit/rehearsal.ts';

/** kill -9 of the real gateway at two hundred random moments, ten to a day, and around every message of each day. */
const DAYS = 20;
const KILLS_IN_DAY = 10;
const SEED = Number(process.env.ODECET_SEED ?? Date.now() % 1_000_000);
/**
 * Slower than the other rehearsals: at 3,000 times real time a start that takes four seconds on a busy machine is three hours, kills in
 * a row outran the twelve hours that the electricity meter keeps, and a day ended without them.
 */
const PLAN: RehearsalPlan = { day: '2026-03-11', scale: 1_000, meters: ['corrector-boilers', 'meter-hall-1'] };

let kills = 0;
for (let day = 0; day < DAYS; day++)
  test(`day ${day + 1} of ${DAYS}: nothing lost, nothing doubled, no failed start (ODECET_SEED=${SEED})`, async () => {
    kills += await killedDay(PLAN, KILLS_IN_DAY, SEED + day);
  }, 300_000);

test('the gateway was killed at least two hundred times', () => {
  expect(kills).toBeGreaterThanOrEqual(DAYS * KILLS_IN_DAY);
  process.stdout.write(`killed ${kills} times in ${DAYS} days\n`);
});
