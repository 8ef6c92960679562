import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simClock } from './clock.ts';
import { seededRandom, xoshiro128ss } from './random.ts';
import { createWorld } from './world.ts';

const DAY_MS = 86_400_000;

describe('virtual time', () => {
  it('jumps to what comes next: a year passes in no time', async () => {
    const world = createWorld(1);
    const clock = simClock(world, 0);
    await world.run(() => clock.sleep(365 * DAY_MS));
    expect(world.monotonicMs()).toBe(365 * DAY_MS);
    expect(world.done()).toBe(1);
  });

  it('does tasks in the order of their time, those of one instant in the order they were asked for', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.record({ at: fc.nat(5), isOff: fc.boolean() })), async (plan) => {
        const world = createWorld(1);
        const seen: number[] = [];
        const cancels = plan.map(({ at }, n) => world.after(at, () => seen.push(n)));
        for (const [n, { isOff }] of plan.entries()) if (isOff) cancels[n]?.();
        await world.run(() => simClock(world, 0).sleep(10));
        const expected = plan.map((each, n) => ({ ...each, n })).filter((each) => !each.isOff);
        expect(seen).toEqual(expected.sort((a, b) => a.at - b.at || a.n - b.n).map((each) => each.n));
      }),
    ));

  it('does not move before everything that can be done now was done', async () => {
    const world = createWorld(1);
    const seen: string[] = [];
    world.after(1, () => {
      const chain = async () => {
        for (let n = 0; n < 100; n++) await Promise.resolve();
        await new Promise<void>((resolve) => process.nextTick(resolve));
        seen.push(`chain done at ${world.monotonicMs()}`);
      };
      void chain();
    });
    world.after(2, () => seen.push('next'));
    await world.run(() => simClock(world, 0).sleep(3));
    expect(seen).toEqual(['chain done at 1', 'next']);
  });

  it('stops with a clear error when nothing is left to do', async () => {
    const world = createWorld(42);
    const clock = simClock(world, 0);
    const main = async () => {
      await clock.sleep(1_500);
      await new Promise(() => undefined);
    };
    await expect(world.run(main)).rejects.toThrow('deadlock in world 42 at 1500 ms');
  });

  it('gives what main gave, throws what main or a task threw, and can run on', async () => {
    const world = createWorld(1);
    const clock = simClock(world, 0);
    expect(await world.run(async () => 7)).toBe(7);
    await expect(world.run(() => Promise.reject(new Error('main')))).rejects.toThrow('main');
    world.after(5, () => {
      throw new Error('task');
    });
    await expect(world.run(() => clock.sleep(10))).rejects.toThrow('task');
    await world.run(() => clock.sleep(10));
    expect(world.monotonicMs()).toBe(15);
  });

  it('is run by one at a time', async () => {
    const world = createWorld(1);
    const first = world.run(() => simClock(world, 0).sleep(1));
    await expect(world.run(async () => undefined)).rejects.toThrow('runs already');
    await first;
  });

  it('what main left behind waits for the next run', async () => {
    const world = createWorld(1);
    let fired = false;
    world.after(100, () => {
      fired = true;
    });
    await world.run(() => simClock(world, 0).sleep(50));
    expect([fired, world.waiting()]).toEqual([false, 1]);
    await world.run(() => simClock(world, 0).sleep(60));
    expect([fired, world.waiting()]).toEqual([true, 0]);
  });

  it('a machine that lost its power does nothing more; the world goes on', async () => {
    const world = createWorld(1);
    const life = world.newLife();
    const seen: string[] = [];
    const gateway = async () => {
      for (;;) {
        await simClock(life, 0).sleep(10);
        seen.push(`round at ${world.monotonicMs()}`);
      }
    };
    void gateway();
    world.after(25, () => life.end());
    await world.run(() => simClock(world, 0).sleep(100));
    expect(seen).toEqual(['round at 10', 'round at 20']);
  });
});

describe('the wall clock of a simulated machine', () => {
  it('steps, and whoever waits for a time on it notices', async () => {
    const world = createWorld(1);
    const clock = simClock(world, 1_000_000);
    world.after(100, () => clock.stepWall(3_600_000));
    await world.run(() => clock.sleepUntil(1_000_000 + 3_600_000));
    expect(world.monotonicMs()).toBe(100);
    world.after(50, () => clock.stepWall(-500));
    await world.run(() => clock.sleepUntil(clock.now() + 100));
    expect(world.monotonicMs()).toBe(100 + 100 + 500);
  });

  it('drifts, and what waits for it waits for the wall', async () => {
    const world = createWorld(1);
    const clock = simClock(world, 0);
    clock.drift(100);
    await world.run(() => clock.sleep(DAY_MS));
    expect(clock.now()).toBe(DAY_MS + 8_640);
    clock.drift(-1_000);
    const target = clock.now() + 999_000;
    await world.run(() => clock.sleepUntil(target));
    expect(world.monotonicMs()).toBe(DAY_MS + 1_000_000);
    expect(clock.now()).toBe(target);
  });
});

describe('chance from a seed', () => {
  it('is xoshiro128**: the published sequence of the state 1, 2, 3, 4', () => {
    const next = xoshiro128ss([1, 2, 3, 4]);
    expect(Array.from({ length: 6 }, next)).toEqual([11520, 0, 5927040, 70819200, 2031721883, 1637235492]);
  });

  it('is the same from the same seed, and never changes between versions', () => {
    const draw = (seed: string | number) => {
      const random = seededRandom(seed);
      return [random.uint32(), random.uint32(), random.uint32()];
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1)).toEqual([4249648571, 1422898393, 2257651309]);
  });

  it('a fork does not depend on what was drawn before, nor change it', () => {
    const fresh = seededRandom(1);
    const used = seededRandom(1);
    used.fraction();
    expect(fresh.fork('line').uint32()).toBe(used.fork('line').uint32());
    expect(fresh.fork('line').uint32()).not.toBe(fresh.fork('disk').uint32());
  });

  it('is spread evenly and within its limits', () => {
    const random = seededRandom('dice');
    const counts = [0, 0, 0, 0, 0, 0];
    for (let n = 0; n < 60_000; n++) counts[random.below(6)]!++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    const hits = Array.from({ length: 10_000 }, () => random.chance(0.1)).filter(Boolean).length;
    expect(Math.abs(hits - 1_000)).toBeLessThan(150);
    expect([random.chance(0), random.chance(1)]).toEqual([false, true]);
  });
});
