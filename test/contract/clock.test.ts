import { describe, expect, it } from 'vitest';
import { hostClock, scaledClock } from '../../src/host/clock.ts';
import { simClock } from '../../src/sim/clock.ts';
import { createWorld } from '../../src/sim/world.ts';
import { type ClockSubject, clockContract } from './clock.contract.ts';

const START = Date.UTC(2026, 2, 28, 5);

function hostTimersHeld(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

function simSubject(name: string, driftPpm: number): ClockSubject {
  let world = createWorld(1);
  return {
    name,
    timers: () => world.waiting(),
    run: (body) => {
      world = createWorld(1);
      const clock = simClock(world, START);
      clock.drift(driftPpm);
      return world.run(() => body(clock));
    },
  };
}

clockContract({ name: 'host', timers: hostTimersHeld, run: (body) => body(hostClock()) });
clockContract({
  name: 'host, scaled 1000 times',
  timers: hostTimersHeld,
  run: (body) => body(scaledClock({ startWall: START, startedAtEpochMs: Date.now(), scale: 1_000 })),
});
clockContract(simSubject('sim', 0));
clockContract(simSubject('sim, 300 ppm fast', 300));
clockContract(simSubject('sim, 300 ppm slow', -300));

describe('a scaled clock', () => {
  it('agrees with another that was made later from the same start', async () => {
    const options = { startWall: START, startedAtEpochMs: Date.now() - 5_000, scale: 1_000 };
    const first = scaledClock(options);
    await hostClock().sleep(5);
    const second = scaledClock(options);
    // The machine's wall clock has whole milliseconds: one of them is a second here.
    expect(Math.abs(first.now() - second.now())).toBeLessThanOrEqual(2_000);
    expect(first.now()).toBeGreaterThanOrEqual(START + 5_000_000);
  });

  it('waits for the wall in scaled time', async () => {
    const clock = scaledClock({ startWall: START, startedAtEpochMs: Date.now(), scale: 100_000 });
    const before = clock.monotonicMs();
    await clock.sleepUntil(START + 500_000);
    expect(clock.now()).toBeGreaterThanOrEqual(START + 500_000);
    // 500 s of the wall are 5 ms; unscaled the test would run into its time limit.
    expect(clock.monotonicMs() - before).toBeGreaterThanOrEqual(4);
  });
});
