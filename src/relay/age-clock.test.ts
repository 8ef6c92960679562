import { expect, test } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import { createAgeClock } from './age-clock.ts';

const DAY_MS = 24 * HOUR_MS;
const START = Date.UTC(2026, 5, 1);
const YEARS = 3 * 365 * DAY_MS;

/** A store's age over many relays, with time that passes and a wall clock that is off. */
function ageing() {
  let monotonic = 0;
  let kept: number | undefined;
  const off = { ms: 0 };
  const store = {
    agedTo: async () => kept,
    async ageTo(at: number) {
      kept = Math.max(kept ?? 0, at);
    },
  };
  const clock = { now: () => START + monotonic + off.ms, monotonicMs: () => monotonic };
  return {
    off,
    /** Time without a relay. */
    pass(ms: number) {
      monotonic += ms;
    },
    async run(ms: number) {
      const age = createAgeClock(store, clock);
      await age.look();
      for (const end = monotonic + ms; monotonic < end; ) {
        monotonic += Math.min(HOUR_MS, end - monotonic);
        await age.look();
      }
      return age.look();
    },
    wall: () => clock.now(),
  };
}

test('a first time is believed after a day, and then goes with the wall clock', async () => {
  const { run, wall } = ageing();
  expect(await run(23 * HOUR_MS)).toEqual({ at: undefined });
  expect(await run(DAY_MS)).toEqual({ at: wall() });
  expect(await run(10 * DAY_MS)).toEqual({ at: wall() });
});

test('a wall clock that is years ahead for an hour makes it at most two hours late, and somebody is told', async () => {
  const { run, off, wall } = ageing();
  await run(2 * DAY_MS);
  const before = wall();
  off.ms = YEARS;
  const { at, doubt } = await run(HOUR_MS);
  expect(at! - before).toBeLessThanOrEqual(2 * HOUR_MS);
  expect(doubt).toMatch(/1095 days ahead/);
  off.ms = 0;
  expect(await run(HOUR_MS)).toEqual({ at: wall() });
});

test('a wall clock that is set back makes nothing older, and harms nothing afterwards', async () => {
  const { run, off, wall } = ageing();
  await run(2 * DAY_MS);
  off.ms = -50 * YEARS;
  expect(await run(HOUR_MS)).toEqual({ at: wall() });
  off.ms = 0;
  expect(await run(HOUR_MS)).toEqual({ at: wall() });
});

test('after a month without a relay it takes about a month to come after', async () => {
  const { run, pass, wall } = ageing();
  await run(2 * DAY_MS);
  pass(30 * DAY_MS);
  expect((await run(DAY_MS)).doubt).toMatch(/29 days ahead/);
  expect((await run(15 * DAY_MS)).at).toBeLessThan(wall() - 10 * DAY_MS);
  expect(await run(15 * DAY_MS)).toEqual({ at: wall() });
});
