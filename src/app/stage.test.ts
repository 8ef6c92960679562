import { expect, it } from 'vitest';
import { type Bell, createBell } from '../collect/bell.ts';
import { OdecetError } from '../core/failure.ts';
import { SECOND_MS, type UtcMs } from '../core/time.ts';
import { simClock } from '../sim/clock.ts';
import { simEntropy } from '../sim/entropy.ts';
import { createWorld } from '../sim/world.ts';
import { SILENT } from './app.testkit.ts';
import { runStage } from './stage.ts';

const START = Date.UTC(2026, 5, 1);

/** Runs a stage for ten seconds; gives when its passes began, from the start. */
async function passes(
  pass: (n: number, bell: Bell, now: UtcMs) => Promise<UtcMs | undefined>,
  rings: readonly number[] = [],
  gatherMs = 0,
) {
  const world = createWorld(1);
  const clock = simClock(world, START);
  const bell = createBell();
  const stopping = new AbortController();
  const begun: number[] = [];
  for (const at of rings) world.after(at, bell.ring);
  world.after(10 * SECOND_MS, () => stopping.abort('over'));
  const once = async () => {
    begun.push(clock.now() - START);
    return pass(begun.length, bell, clock.now());
  };
  const parts = { name: 'tried', pass: once, bell, gatherMs, clock, entropy: simEntropy(world.random), log: SILENT };
  await world.run(() => runStage(parts, stopping.signal));
  return { begun, world };
}

it('goes over its work at the start, and once for each ring', async () => {
  const { begun } = await passes(async () => undefined, [1_000, 4_000]);
  expect(begun).toEqual([0, 1_000, 4_000]);
});

it('serves the rings that come soon after one another in one pass, and ends at once while it waits for them', async () => {
  const { begun, world } = await passes(async () => undefined, [1_000, 1_700, 2_900, 3_100, 9_500], 2_000);
  expect(begun).toEqual([0, 3_000, 5_100]);
  expect(world.waiting()).toBe(0);
});

it('does not miss a ring that comes during a pass, and takes several for one', async () => {
  const { begun } = await passes(async (n, bell) => {
    if (n === 1) for (let rings = 0; rings < 3; rings++) bell.ring();
    return undefined;
  });
  expect(begun).toEqual([0, 0]);
});

it('looks again when the pass said so, and leaves no alarm behind where a ring was first', async () => {
  const { begun, world } = await passes(async (n, _, now) => (n < 3 ? now + 2_000 : undefined), [1_000]);
  expect(begun).toEqual([0, 1_000, 3_000]);
  expect(world.waiting()).toBe(0);
});

it('tries again after a store that fails, and ends with any other fault', async () => {
  const { begun } = await passes(async (n) => {
    if (n < 3) throw new OdecetError('store-full', 'no room');
    return undefined;
  });
  expect(begun).toHaveLength(3);
  const fault = passes(async () => {
    throw new Error('a fault of ours');
  });
  await expect(fault).rejects.toThrow('a fault of ours');
});
