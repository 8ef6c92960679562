import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Interval } from '../core/interval.ts';
import { HOUR_MS } from '../core/time.ts';
import type { Buffer, Damage } from './api.ts';
import { aMessage, anInterval, DAY_START, memoryStore, POINT, standingClock } from './buffer.testkit.ts';
import { openBuffer } from './index.ts';
import { rememberNewest } from './newest-rows.ts';

const hour = (n: number) => DAY_START + n * HOUR_MS;
const CHANNELS = ['volume', 'energy'] as const;
const DAY = { start: hour(0), end: hour(24) };

async function setUp() {
  const damages: Damage[] = [];
  const store = memoryStore();
  const open = () => openBuffer(store, { clock: standingClock(), onDamage: (damage) => damages.push(damage) });
  return { store, damages, open, buffer: await open() };
}

const kept = fc.record({
  channel: fc.constantFrom(...CHANNELS),
  start: fc.integer({ min: 0, max: 300 }),
  send: fc.boolean(),
});
const asked = fc.record({
  channel: fc.constantFrom(...CHANNELS),
  from: fc.integer({ min: 0, max: 300 }),
  hours: fc.integer({ min: 0, max: 40 }),
});

async function keepNext(
  buffer: Buffer,
  { channel, start, send }: typeof kept extends fc.Arbitrary<infer T> ? T : never,
) {
  const before = await buffer.intervalVersions(POINT, channel, hour(start));
  const [interval] = await buffer.keepIntervals([
    anInterval({ channel, start: hour(start), version: before.length + 1, unit: channel === 'volume' ? 'm3' : 'kWh' }),
  ]);
  if (send && before.length === 0) await buffer.queueMessage((id) => aMessage(id, [interval!]));
}

describe('the newest intervals and links', () => {
  it('are told from memory exactly as the disk has them, whatever came in what order', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: kept }, asked), { minLength: 20, maxLength: 60, size: 'max' }),
        async (steps) => {
          const { buffer, open } = await setUp();
          for (const step of steps)
            if ('send' in step) await keepNext(buffer, step);
            else {
              const span = { start: hour(step.from), end: hour(step.from + step.hours) };
              const of = (one: Buffer) => [
                one.intervals(POINT, step.channel, span),
                one.deliveryOf(POINT, step.channel, span.start),
              ];
              expect(await Promise.all(of(buffer))).toEqual(await Promise.all(of(await open())));
            }
          const changes = async (from: Buffer) => [
            await from.changes('intervals', 0, 100),
            await from.changes('delivery', 0, 100),
          ];
          expect(await changes(buffer)).toEqual(await changes(await open()));
        },
      ),
      { numRuns: 60 },
    ));

  it('are not asked of the disk, the ledger of the stages included; a proof is', async () => {
    const { store, buffer } = await setUp();
    await buffer.keepIntervals([anInterval()]);
    await buffer.intervals(POINT, 'volume', DAY);
    await buffer.ledger([{ point: POINT, channel: 'volume', spans: [DAY] }], 'records');
    const asks = vi.spyOn(store, 'range');
    await buffer.keepIntervals([anInterval({ start: hour(1) })]);
    expect(await buffer.intervals(POINT, 'volume', DAY)).toEqual([anInterval(), anInterval({ start: hour(1) })]);
    await buffer.ledger([{ point: POINT, channel: 'volume', spans: [{ start: hour(0), end: hour(1) }] }], 'records');
    expect(asks).not.toHaveBeenCalled();
    store.rows.delete(`i/${POINT}/volume/${new Date(hour(1)).toISOString()}/000001`);
    const { counts } = await buffer.ledger([
      { point: POINT, channel: 'volume', spans: [{ start: hour(1), end: hour(2) }] },
    ]);
    expect(counts.lost).toBe(1);
  });

  it('that are damaged on the disk are not learnt, and are met by the read', async () => {
    const { store, damages, buffer, open } = await setUp();
    await buffer.keepIntervals([anInterval()]);
    const key = `i/${POINT}/volume/${new Date(DAY_START).toISOString()}/000001`;
    const bytes = store.rows.get(key)!.slice();
    bytes[40]! ^= 1;
    store.rows.set(key, bytes);
    expect(await (await open()).intervals(POINT, 'volume', DAY)).toEqual([]);
    expect(damages.map((damage) => damage.key)).toEqual([key]);
  });

  it('that a batch of unknown end may hold are asked of the disk', async () => {
    const { store, buffer } = await setUp();
    await buffer.keepIntervals([anInterval()]);
    await buffer.intervals(POINT, 'volume', DAY);
    store.batchesLeft = 0;
    store.keepsFailing = true;
    const second: Interval = anInterval({ start: hour(1) });
    await expect(buffer.keepIntervals([second])).rejects.toThrow('this batch was to fail');
    expect(await buffer.intervals(POINT, 'volume', DAY)).toEqual([anInterval(), second]);
  });

  it('are held within a bound: the longest give way, and what is left is known whole', async () => {
    const newest = rememberNewest({ range: async () => [] });
    const key = (channel: string, n: number) => `i/${channel}/volume/${String(n).padStart(6, '0')}`;
    const below = (channel: string, n = 0) => ({ gte: key(channel, n), lt: `i/${channel}/volume0` });
    for (const channel of ['a', 'b']) await newest.learn(below(channel));
    for (let n = 0; n < 100; n++) newest.heed([{ kind: 'put', key: key('a', n), value: new Uint8Array(3_000) }]);
    expect(newest.within(below('a'))).toBeUndefined();
    expect(newest.within(below('a', 90))).toHaveLength(10);
    newest.heed([{ kind: 'put', key: key('b', 0), value: new Uint8Array(3_000) }]);
    expect(newest.within(below('b'))).toHaveLength(1);
    newest.heed([{ kind: 'delete', key: key('b', 0) }]);
    expect(newest.within(below('b'))).toEqual([]);
    expect(newest.row(key('b', 0))).toEqual({ bytes: undefined });
    expect(newest.row(key('a', 0))).toBeUndefined();
  });
});
