import { expect, it } from 'vitest';
import { HOUR_MS, type Millis } from '../core/time.ts';
import { hostClock } from '../host/clock.ts';
import { retentionClock } from './retention-clock.ts';

const DAY_MS = 24 * HOUR_MS;
const NOON = Date.UTC(2026, 5, 1, 12);

/** A machine whose clocks a test moves; what it keeps stays over a restart. */
function machine(wall = NOON) {
  const at = { wall, monotonicMs: 0 };
  const kept = new Map<string, number>();
  const buffer = {
    cursor: async (name: string) => kept.get(name) ?? 0,
    advanceCursor: (name: string, value: number) => void kept.set(name, value),
  };
  const clock = { ...hostClock(), now: () => at.wall, monotonicMs: () => at.monotonicMs };
  const start = () => retentionClock(buffer, clock);
  const pass = (ms: Millis) => {
    at.wall += ms;
    at.monotonicMs += ms;
  };
  return { at, pass, start };
}

it('is the wall clock, also when that is put back, and after a night without power', async () => {
  const { at, pass, start } = machine();
  let look = start();
  expect(await look()).toEqual({ now: NOON, aheadMs: 0 });
  pass(6 * HOUR_MS);
  expect((await look()).now).toBe(at.wall);
  at.wall -= 5 * HOUR_MS;
  expect((await look()).now).toBe(at.wall);
  at.wall += 12 * HOUR_MS;
  look = start();
  expect(await look()).toEqual({ now: at.wall, aheadMs: 0 });
});

it('goes on from before a jump of years, over restarts as well, and all is well when the clock is put right', async () => {
  const { at, pass, start } = machine();
  let look = start();
  await look();
  at.wall += 5 * 365 * DAY_MS;
  for (let hours = 0; hours < 48; hours++) {
    pass(HOUR_MS);
    expect((await look()).now).toBe(NOON + (hours + 1) * HOUR_MS);
  }
  look = start();
  pass(HOUR_MS);
  expect(await look()).toEqual({ now: NOON + 49 * HOUR_MS, aheadMs: 5 * 365 * DAY_MS });
  at.wall -= 5 * 365 * DAY_MS;
  expect(await look()).toEqual({ now: NOON + 49 * HOUR_MS, aheadMs: 0 });
});

it('believes a jump that stood for a week: a clock that began in 1970 is no reason to keep everything for ever', async () => {
  const { at, pass, start } = machine(0);
  const look = start();
  await look();
  at.wall = NOON;
  await look();
  for (let hours = 0; hours < 7 * 24 - 1; hours++) {
    pass(HOUR_MS);
    expect((await look()).aheadMs).toBe(NOON);
  }
  pass(HOUR_MS);
  expect(await look()).toEqual({ now: at.wall, aheadMs: 0 });
});
