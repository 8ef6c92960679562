import { expect, it } from 'vitest';
import { aReading, standingClock } from '../../buffer/buffer.testkit.ts';
import { openBuffer } from '../../buffer/index.ts';
import type { Store } from '../../machine/store.ts';
import { seededRandom } from '../../sim/random.ts';
import { simDisk } from '../../sim/store.ts';
import { createWorld } from '../../sim/world.ts';
import { heldToItsWord } from './held-to-its-word.ts';

/** Says at once that a batch is written, and writes it afterwards. */
const unsynced = (store: Store): Store => ({
  ...bound(store),
  batch: async (ops) => void store.batch(ops),
});

function bound(store: Store): Store {
  return {
    get: (key) => store.get(key),
    getMany: (keys) => store.getMany(keys),
    range: (range) => store.range(range),
    batch: (ops) => store.batch(ops),
    size: () => store.size(),
    close: () => store.close(),
  };
}

it.each([
  ['a store that waits for the disk', bound, []],
  [
    'a store that does not',
    unsynced,
    ['called written, and not on the disk: r/2026-03-28/boiler-house/stored/05:00:00.000Z'],
  ],
])('%s', async (_name, made, expected) => {
  const world = createWorld(1);
  const disk = simDisk(world, { random: seededRandom(1), latencyMs: 80 });
  const faults: string[] = [];
  await world.run(async () => {
    const buffer = await openBuffer(made(await disk.open(true)), { clock: standingClock() });
    const { buffer: watched } = heldToItsWord(
      buffer,
      (key) => disk.holds(key),
      (what) => faults.push(what),
    );
    await watched.keepRound([aReading()]);
  });
  expect(faults).toEqual(expected);
});
