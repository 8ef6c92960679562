import { expect, it } from 'vitest';
import type { Damage } from './api.ts';
import { memoryStore, standingClock } from './buffer.testkit.ts';
import { openBuffer } from './index.ts';

const OLD = { serial: '00417321', since: 1_000, until: 5_000 };
const NEW = { serial: '7', since: 6_000, until: 7_000 };

it('keeps which meters stood there, also when the buffer is opened again', async () => {
  const store = memoryStore();
  const open = () => openBuffer(store, { clock: standingClock() });
  const buffer = await open();
  expect(await buffer.meterHistory('meter/1')).toBeUndefined();
  await buffer.keepMeters('meter/1', { meters: [OLD], stranger: NEW });
  expect(await (await open()).meterHistory('meter/1')).toEqual({ meters: [OLD], stranger: NEW });
  await buffer.keepMeters('meter/1', { meters: [OLD, NEW] });
  const again = await open();
  expect(await again.meterHistory('meter/1')).toEqual({ meters: [OLD, NEW] });
  expect((await again.verify()).clean).toBe(true);
});

it('believes no history that is damaged, and reports it', async () => {
  const store = memoryStore();
  const damages: Damage[] = [];
  const buffer = await openBuffer(store, { clock: standingClock(), onDamage: (damage) => damages.push(damage) });
  await buffer.keepMeters('meter', { meters: [OLD] });
  const [[key, bytes]] = (await store.range({ gte: 'o/', lt: 'o0' })) as [[string, Uint8Array]];
  await store.batch([{ kind: 'put', key, value: bytes.with(20, bytes[20]! ^ 1) }]);
  expect(await buffer.meterHistory('meter')).toBeUndefined();
  expect(damages.map((damage) => damage.key)).toEqual([key]);
});
