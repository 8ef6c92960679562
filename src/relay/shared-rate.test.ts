import { expect, test } from 'vitest';
import { failure, OdecetError } from '../core/failure.ts';
import { pause } from '../machine/timers.ts';
import { simClock } from '../sim/clock.ts';
import { createWorld, type World } from '../sim/world.ts';
import { createSharedRate } from './shared-rate.ts';

/** The database's side: slots follow each other, and its answer takes its time. */
function database(world: World, latencyMs: () => number) {
  let nextAt = 0;
  const place = { statements: 0, isAway: false };
  return {
    place,
    async reserve(count: number, everyMs: number): Promise<number> {
      await pause(world, latencyMs());
      if (place.isAway) throw new OdecetError('database-away', 'gone');
      place.statements += 1;
      const now = world.monotonicMs();
      const first = Math.max(nextAt, now);
      nextAt = first + count * everyMs;
      await pause(world, latencyMs());
      return first - now;
    },
  };
}

const trouble: unknown[] = [];

function relays(
  count: number,
  world: World,
  perSecondMax: number,
  reserve: (n: number, ms: number) => Promise<number>,
) {
  const clock = simClock(world, 0);
  return Array.from({ length: count }, () =>
    createSharedRate({ perSecondMax, reserve, clock, onTrouble: (error) => trouble.push(error) }),
  );
}

function mostInASecond(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((at) => sorted.filter((other) => other >= at && other < at + 1_000).length));
}

test.each([1, 3, 20, 100, 1_000])('three relays together let no more than %i leave in any second', async (limit) => {
  const world = createWorld(limit);
  const random = world.random.fork('when');
  await world.run(async () => {
    const { reserve } = database(world, () => random.below(12));
    const left: number[] = [];
    const stop = new AbortController();
    const perRelay = 3 * limit;
    const all = relays(3, world, limit, reserve).map(async (rate) => {
      // Sixteen at the operator at once, each slow in its own way.
      let started = 0;
      const places = Array.from({ length: 16 }, async () => {
        while (started < perRelay) {
          started += 1;
          await pause(world, random.below(60));
          await rate.pass(stop.signal);
          left.push(world.monotonicMs());
        }
      });
      await Promise.all(places);
    });
    await Promise.all(all);
    expect(left.length).toBeGreaterThanOrEqual(9 * limit);
    expect(mostInASecond(left)).toBeLessThanOrEqual(limit);
    // Nor much slower than it may.
    if (limit <= 20) expect(Math.max(...left) / 1_000).toBeLessThan((1.25 * left.length) / limit + 2);
  });
});

test('one statement serves many, also where messages come one by one', async () => {
  const world = createWorld(1);
  await world.run(async () => {
    const { place, reserve } = database(world, () => 2);
    const [rate] = relays(1, world, 1_000, reserve);
    const stop = new AbortController();
    for (let n = 0; n < 400; n++) {
      await rate!.pass(stop.signal);
      await pause(world, 5);
    }
    expect(place.statements).toBeLessThan(60);
  });
});

test('a database that is away is asked again; who stops waits no longer', async () => {
  const world = createWorld(1);
  await world.run(async () => {
    const { place, reserve } = database(world, () => 2);
    const [rate] = relays(1, world, 10, reserve);
    const stop = new AbortController();
    place.isAway = true;
    let isThrough = false;
    const first = rate!.pass(stop.signal).then(() => {
      isThrough = true;
    });
    await pause(world, 3_000);
    expect(isThrough).toBe(false);
    expect(trouble.at(-1)).toMatchObject({ failure: { code: 'database-away' } });
    place.isAway = false;
    await first;
    place.isAway = true;
    const waiting = [rate!.pass(stop.signal), rate!.pass(stop.signal)].map((one) => one.catch(String));
    await pause(world, 2_000);
    stop.abort(failure('unexpected', 'over'));
    expect(await Promise.all(waiting)).toHaveLength(2);
  });
});
