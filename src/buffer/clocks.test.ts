import { expect, it } from 'vitest';
import type { Damage } from './api.ts';
import { memoryStore, standingClock } from './buffer.testkit.ts';
import { openBuffer } from './index.ts';

const MEMORY = { rightAt: 1_000, off: { at: 2_000, behindMs: 60_000 }, spans: [{ start: 3, end: 4 }] };

it('keeps what was last seen of a clock, also when the buffer is opened again', async () => {
  const store = memoryStore();
  const open = () => openBuffer(store, { clock: standingClock() });
  const buffer = await open();
  expect(await buffer.clockMemory('meter/1')).toBeUndefined();
  await buffer.keepClock('meter/1', { rightAt: 500, spans: [] });
  await buffer.keepClock('meter/1', MEMORY);
  const again = await open();
  expect(await again.clockMemory('meter/1')).toEqual(MEMORY);
  expect(await again.clockMemory('meter/2')).toBeUndefined();
  expect((await again.verify()).clean).toBe(true);
});

it('believes no record that is damaged, and reports it', async () => {
  const store = memoryStore();
  const damages: Damage[] = [];
  const buffer = await openBuffer(store, { clock: standingClock(), onDamage: (damage) => damages.push(damage) });
  await buffer.keepClock('meter', MEMORY);
  const [[key, bytes]] = (await store.range({ gte: 'k/', lt: 'k0' })) as [[string, Uint8Array]];
  await store.batch([{ kind: 'put', key, value: bytes.with(20, bytes[20]! ^ 1) }]);
  expect(await buffer.clockMemory('meter')).toBeUndefined();
  expect(damages.map((damage) => damage.key)).toEqual([key]);
  await buffer.keepClock('meter', MEMORY);
  expect(await buffer.clockMemory('meter')).toEqual(MEMORY);
});
