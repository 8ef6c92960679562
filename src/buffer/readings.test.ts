import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDecimal } from '../core/decimal.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import type { Conflict, Damage } from './api.ts';
import { aReading, DAY_START, type MemoryStore, memoryStore, standingClock } from './buffer.testkit.ts';
import { openBuffer } from './index.ts';

const DAY = { start: DAY_START, end: DAY_START + 24 * HOUR_MS };

async function open(store: MemoryStore = memoryStore()) {
  const damages: Damage[] = [];
  const conflicts: Conflict[] = [];
  const buffer = await openBuffer(store, {
    clock: standingClock(),
    onDamage: (damage) => damages.push(damage),
    onConflict: (conflict) => conflicts.push(conflict),
  });
  return { store, buffer, damages, conflicts };
}

describe('readings', () => {
  it('come back exactly as they went in, whatever the value', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt(),
        fc.integer({ min: -12, max: 12 }),
        fc.constantFrom('counter' as const, 'instantaneous' as const),
        fc.string(),
        async (coefficient, exponent, kind, device) => {
          const { buffer } = await open();
          const reading = aReading({ value: { coefficient, exponent }, kind, device, flags: ['alarm', 'disturbed'] });
          await buffer.keepRound([reading]);
          expect(await buffer.readings(device, 'volume.base', DAY)).toEqual([reading]);
        },
      ),
    );
  });

  it('are kept once however often a round is told, also twice within a round', async () => {
    const { buffer, store } = await open();
    const round = [aReading(), aReading({ quantity: 'pressure', unit: 'bar', kind: 'instantaneous' }), aReading()];
    expect(await buffer.keepRound(round)).toEqual({ written: 2, known: 1, conflicts: [] });
    const before = store.batches;
    expect(await buffer.keepRound(round)).toEqual({ written: 0, known: 3, conflicts: [] });
    expect(await buffer.keepRound([aReading({ value: parseDecimal('12345678.0'), unit: 'l' })])).toMatchObject({
      known: 1,
    });
    expect(store.batches).toBe(before);
    expect(await buffer.changes('readings', 0, 10)).toHaveLength(1);
  });

  it('that were named again for a repair are given up once, with their later entry', async () => {
    const { buffer } = await open();
    await buffer.keepRound([aReading()]);
    await buffer.keepRound([aReading({ at: DAY_START + HOUR_MS })]);
    expect(await buffer.nameReadingsAgain('boiler-house', { start: DAY_START, end: DAY_START + 1 })).toBe(1);
    const old = { olderThan: DAY.end, now: DAY.end, entriesMax: 100 };
    expect(await buffer.trim('readings', { ...old, entriesMax: 2 })).toEqual({ entries: 2, records: 1 });
    expect(await buffer.readings('boiler-house', 'volume.base', DAY)).toHaveLength(1);
    expect((await buffer.verify()).clean).toBe(true);
    expect(await buffer.trim('readings', old)).toEqual({ entries: 1, records: 1 });
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('keep a contradiction beside the first, report it once and never serve it', async () => {
    const { buffer, conflicts } = await open();
    const first = aReading();
    const other = aReading({ value: parseDecimal('99999.999'), readAt: DAY_START + HOUR_MS });
    await buffer.keepRound([first]);
    await buffer.keepRound([other]);
    await buffer.keepRound([other, first]);
    expect(await buffer.readings('boiler-house', 'volume.base', DAY)).toEqual([first]);
    expect(await buffer.readingAtOrBefore('boiler-house', 'volume.base', DAY.end)).toEqual(first);
    expect(await buffer.conflicts('boiler-house', 'volume.base', DAY)).toEqual([other]);
    expect(conflicts).toEqual([{ kept: other, contradicts: first }]);
    expect((await buffer.verify()).clean).toBe(true);
  });

  it('are found at or around an instant, by source', async () => {
    const { buffer } = await open();
    const times = [0, 15, 30, 45, 60].map((minutes) => DAY_START + minutes * MINUTE_MS);
    await buffer.keepRound(times.map((at) => aReading({ at, source: 'sampled', uncertaintyMs: 40 })));
    await buffer.keepRound([aReading({ at: DAY_START }), aReading({ at: DAY_START + HOUR_MS })]);
    await buffer.keepRound([aReading({ at: DAY_START + 31 * MINUTE_MS, device: 'boiler-house-2' })]);
    const at = DAY_START + 31 * MINUTE_MS;
    const [device, quantity] = ['boiler-house', 'volume.base'] as const;
    expect((await buffer.readingAtOrBefore(device, quantity, at))?.at).toBe(times[2]);
    expect((await buffer.readingAtOrAfter(device, quantity, at))?.at).toBe(times[3]);
    expect((await buffer.readingAtOrBefore(device, quantity, times[2]!))?.at).toBe(times[2]);
    expect((await buffer.readingAtOrAfter(device, quantity, times[2]!))?.at).toBe(times[2]);
    expect((await buffer.readingAtOrBefore(device, quantity, at, 'stored'))?.at).toBe(times[0]);
    expect((await buffer.readingAtOrAfter(device, quantity, at, 'stored'))?.at).toBe(times[4]);
    expect(await buffer.readingAtOrBefore(device, quantity, DAY_START - 1)).toBeUndefined();
    expect(await buffer.readingAtOrAfter(device, quantity, times[4]! + 1)).toBeUndefined();
    const span = { start: times[1]!, end: times[4]! };
    expect((await buffer.readings(device, quantity, span)).map((reading) => reading.at)).toEqual(times.slice(1, 4));
    expect(await buffer.readings(device, quantity, span, 2)).toHaveLength(2);
  });

  it('damaged: named, left out, and the same reading told again is kept beside the remains', async () => {
    const { buffer, store, damages } = await open();
    const later = aReading({ at: DAY_START + HOUR_MS });
    await buffer.keepRound([aReading(), later]);
    const key = 'r/2026-03-28/boiler-house/stored/05:00:00.000Z';
    store.rows.get(key)![20]! ^= 4;
    expect(await buffer.readings('boiler-house', 'volume.base', DAY)).toEqual([later]);
    expect(damages).toEqual([{ key, detail: expect.stringMatching(/checksum/) }]);
    expect(await buffer.keepRound([aReading()])).toEqual({ written: 1, known: 0, conflicts: [] });
    expect(await buffer.readings('boiler-house', 'volume.base', DAY)).toEqual([aReading(), later]);
    const report = await buffer.verify();
    expect(report.damaged.map((damage) => damage.key)).toEqual([key]);
    expect(report).toMatchObject({ clean: false, lost: [], holes: [], stray: [] });
  });

  it('wake the follower, which reads what changed from the journal', async () => {
    const { buffer } = await open();
    const woken: string[][] = [];
    const end = buffer.onChange((streams) => woken.push([...streams]));
    await buffer.keepRound([aReading()]);
    await buffer.setCursor('profiler', 1);
    end();
    await buffer.keepRound([aReading({ at: DAY_START + 1 })]);
    expect(woken).toEqual([['readings']]);
    const ref = { device: 'boiler-house', quantity: 'volume.base', at: DAY_START + 1, source: 'stored' };
    expect(await buffer.changes('readings', await buffer.cursor('profiler'), 10)).toEqual([
      { sequence: 2, items: [ref], lost: false },
    ]);
    expect(await buffer.cursor('nobody')).toBe(0);
  });
});
