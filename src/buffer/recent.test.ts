import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { decimal } from '../core/decimal.ts';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS, MINUTE_MS, type UtcMs } from '../core/time.ts';
import type { Buffer, Damage } from './api.ts';
import { aReading, memoryStore, standingClock } from './buffer.testkit.ts';
import { openBuffer } from './index.ts';

const MIDNIGHT: UtcMs = Date.UTC(2026, 2, 29);
const DEVICES = ['boiler-house', 'boiler house/2'] as const;
const QUANTITIES = ['volume.base', 'volume.base.total'] as const;

const place = fc.integer({ min: -40, max: 40 }).map((step) => MIDNIGHT + step * 20 * MINUTE_MS);
const told = fc.record({
  device: fc.constantFrom(...DEVICES),
  quantity: fc.constantFrom(...QUANTITIES),
  source: fc.constantFrom('sampled' as const, 'stored' as const),
  at: place,
  value: fc.integer({ min: 1, max: 3 }).map((value) => decimal(value)),
});
const asked = fc.record({
  device: fc.constantFrom(...DEVICES),
  quantity: fc.constantFrom(...QUANTITIES),
  source: fc.constantFrom(undefined, 'sampled' as const, 'stored' as const),
  at: place,
  reachMs: fc.constantFrom(undefined, 0, 30 * MINUTE_MS, 5 * HOUR_MS),
});

type Asked = typeof asked extends fc.Arbitrary<infer One> ? One : never;

async function answers(buffer: Buffer, { device, quantity, source, at, reachMs }: Asked) {
  const span = { start: at, end: at + (reachMs ?? 1) };
  return [
    await buffer.readingAtOrBefore(device, quantity, at, source, reachMs),
    await buffer.readingAtOrAfter(device, quantity, at, source, reachMs),
    await buffer.readings(device, quantity, span, undefined, source),
    await buffer.conflicts(device, quantity, span),
  ];
}

async function setUp() {
  const damages: Damage[] = [];
  const store = memoryStore();
  const open = () => openBuffer(store, { clock: standingClock(), onDamage: (damage) => damages.push(damage) });
  return { store, damages, open, buffer: await open() };
}

/** Minutes after midnight. */
const sample = (minutes: number): Reading =>
  aReading({ at: MIDNIGHT + minutes * MINUTE_MS, source: 'sampled', uncertaintyMs: 40 });
const KEY = 'r/2026-03-29/boiler-house/sampled/00:10:00.000Z';

describe('the newest readings', () => {
  it('are told from memory exactly as the disk has them, whatever came in what order, over midnight and restarts', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 3, arbitrary: told }, asked), { minLength: 20, maxLength: 80, size: 'max' }),
        async (steps) => {
          const { buffer, open } = await setUp();
          for (const step of steps) {
            if ('value' in step) await buffer.keepRound([aReading(step)]);
            else expect(await answers(buffer, step)).toEqual(await answers(await open(), step));
          }
          const changes = async (from: Buffer) => [
            await from.changes('readings', 0, 100),
            await from.changes('samples', 0, 100),
          ];
          expect(await changes(buffer)).toEqual(await changes(await open()));
          expect((await buffer.verify()).clean).toBe(true);
        },
      ),
      { numRuns: 60 },
    ));

  it('are not asked of the disk', async () => {
    const { store, buffer } = await setUp();
    await buffer.keepRound([sample(0)]);
    await buffer.readingAtOrBefore('boiler-house', 'volume.base', MIDNIGHT, 'sampled');
    const asks = [vi.spyOn(store, 'range'), vi.spyOn(store, 'getMany')];
    await buffer.keepRound([sample(10)]);
    expect(await buffer.changes('samples', 1, 10)).toHaveLength(1);
    expect(await buffer.readingAtOrBefore('boiler-house', 'volume.base', MIDNIGHT + HOUR_MS, 'sampled')).toEqual(
      sample(10),
    );
    expect(await buffer.readingAtOrAfter('boiler-house', 'volume.base', MIDNIGHT + HOUR_MS, 'sampled')).toBeUndefined();
    for (const ask of asks) expect(ask).not.toHaveBeenCalled();
  });

  it('of a device without an archive are not asked of the disk either, however far one looks for a stored one', async () => {
    const { store, buffer } = await setUp();
    await buffer.keepRound([sample(0)]);
    const latest = () => buffer.readingAtOrBefore('boiler-house', 'volume.base', MIDNIGHT + HOUR_MS);
    await latest();
    const ask = vi.spyOn(store, 'range');
    await buffer.keepRound([sample(10)]);
    expect(await latest()).toEqual(sample(10));
    expect(ask).not.toHaveBeenCalled();
  });

  it('do not stand for older ones: the first from an instant on that lies before them is on the disk', async () => {
    const { buffer } = await setUp();
    for (let n = 0; n < 10; n++) await buffer.keepRound([sample(10 * n)]);
    await buffer.readingAtOrBefore('boiler-house', 'volume.base', MIDNIGHT + 2 * HOUR_MS, 'sampled');
    const first = await buffer.readingAtOrAfter('boiler-house', 'volume.base', MIDNIGHT + 5 * MINUTE_MS, 'sampled');
    expect(first).toEqual(sample(10));
  });

  it('that a batch of unknown end may hold are asked of the disk', async () => {
    const { store, buffer } = await setUp();
    await buffer.keepRound([sample(0)]);
    await buffer.readingAtOrBefore('boiler-house', 'volume.base', MIDNIGHT, 'sampled');
    store.batchesLeft = 0;
    store.keepsFailing = true;
    await expect(buffer.keepRound([sample(10)])).rejects.toThrow('this batch was to fail');
    expect(await buffer.readingAtOrBefore('boiler-house', 'volume.base', MIDNIGHT + HOUR_MS, 'sampled')).toEqual(
      sample(10),
    );
  });

  it('that are damaged on the disk are moved aside by the scrubber, and told no more', async () => {
    const { store, buffer } = await setUp();
    await buffer.keepRound([sample(0)]);
    const latest = () => buffer.readingAtOrBefore('boiler-house', 'volume.base', MIDNIGHT + HOUR_MS, 'sampled');
    await latest();
    await buffer.keepRound([sample(10)]);
    const bytes = store.rows.get(KEY)!.slice();
    bytes[30]! ^= 1;
    store.rows.set(KEY, bytes);
    expect((await buffer.quarantine(await buffer.scrubEnds(10))).map(({ key }) => key)).toEqual([KEY]);
    expect(await latest()).toEqual(sample(0));
  });
});

describe('a cursor that is only advanced', () => {
  it('costs no batch of its own and goes with the next one', async () => {
    const { store, buffer, open } = await setUp();
    await buffer.keepRound([sample(0)]);
    const { batches } = store;
    buffer.advanceCursor('profiler', 1);
    expect(await buffer.cursor('profiler')).toBe(1);
    expect(store.batches).toBe(batches);
    expect(await (await open()).cursor('profiler')).toBe(0);
    await buffer.keepRound([sample(10)]);
    expect(store.batches).toBe(batches + 1);
    expect(await (await open()).cursor('profiler')).toBe(1);
  });

  it('is written by a later batch where the first one fails', async () => {
    const { store, buffer, open } = await setUp();
    buffer.advanceCursor('profiler', 1);
    store.batchesLeft = 0;
    await expect(buffer.keepRound([sample(0)])).rejects.toThrow('this batch was to fail');
    store.batchesLeft = Number.POSITIVE_INFINITY;
    await buffer.keepRound([sample(0)]);
    expect(await (await open()).cursor('profiler')).toBe(1);
  });

  it('does not undo what is set afterwards', async () => {
    const { buffer, open } = await setUp();
    buffer.advanceCursor('profiler', 9);
    await buffer.setCursor('profiler', 4);
    await buffer.keepRound([sample(0)]);
    expect(await (await open()).cursor('profiler')).toBe(4);
  });
});
