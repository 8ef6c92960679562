import { describe, expect, it } from 'vitest';
import { decimal, parseDecimal } from '../core/decimal.ts';
import type { Conversion } from '../core/interval.ts';
import { HOUR_MS } from '../core/time.ts';
import { anInterval, DAY_START, memoryStore, POINT, standingClock } from './buffer.testkit.ts';
import { sealRow } from './frame.ts';
import { openBuffer } from './index.ts';

const SPAN = { start: DAY_START, end: DAY_START + 2 * HOUR_MS };
const KEY = `i/${POINT}/volume/2026-03-28T05:00:00.000Z`;

async function open() {
  const store = memoryStore();
  const buffer = await openBuffer(store, { clock: standingClock() });
  return { store, buffer };
}

describe('intervals', () => {
  it('come back as they were made, the latest version of each', async () => {
    const { buffer } = await open();
    const { value: _, ...rest } = anInterval({ start: DAY_START + HOUR_MS, quality: 'missing', origins: [] });
    const corrected = anInterval({ version: 2, value: parseDecimal('17.300'), findings: ['archive-differs'] });
    await buffer.keepIntervals([anInterval(), rest]);
    await buffer.keepIntervals([corrected]);
    expect(await buffer.intervals(POINT, 'volume', SPAN)).toEqual([corrected, rest]);
    expect(await buffer.intervals(POINT, 'energy', SPAN)).toEqual([]);
    expect(await buffer.intervalVersions(POINT, 'volume', DAY_START)).toEqual([anInterval(), corrected]);
    expect((await buffer.changes('intervals', 1, 10))[0]?.items).toEqual([
      { point: POINT, channel: 'volume', start: DAY_START, version: 2 },
    ]);
  });

  it('keep with what they were converted; a record of before that was kept says nothing of it', async () => {
    const { buffer, store } = await open();
    const base = { pressureKPa: parseDecimal('101.325'), temperatureC: parseDecimal('15') };
    const state = { pressureKPa: parseDecimal('401.2000'), temperatureC: parseDecimal('-3.15') };
    const read = { pressureReadings: 60, temperatureReadings: 0 };
    const gas = { superiorHeatMJ: 40.66, relativeDensity: 0.581, carbonDioxide: 0.006, hydrogen: 0 };
    const conversions: Conversion[] = [
      { method: 'fixed', ...state, ...read, ratio: parseDecimal('0.99'), base },
      { method: 'sgerg-88', ...state, ...read, ratio: parseDecimal('0.84267'), gas, base },
      { method: 'sgerg-88', ...state, ...read, gas, base },
    ];
    const made = conversions.map((conversion, n) =>
      anInterval({ start: DAY_START + n * HOUR_MS, conversion, multiplier: decimal(n + 1, 1) }),
    );
    await buffer.keepIntervals(made);
    expect(await buffer.intervals(POINT, 'volume', { start: DAY_START, end: DAY_START + 3 * HOUR_MS })).toEqual(made);
    const key = `i/${POINT}/volume/2026-03-28T08:00:00.000Z/000001`;
    const { start: _, version, point, channel, ...old } = anInterval();
    const payload = { ...old, value: '17.200', origins: [] };
    store.rows.set(key, sealRow(key, 1, payload));
    const again = await openBuffer(store, { clock: standingClock() });
    const [earlier] = await again.intervalVersions(point, channel, DAY_START + 3 * HOUR_MS);
    expect(earlier).toMatchObject({ version, value: parseDecimal('17.200') });
    expect(earlier).not.toHaveProperty('conversion');
    expect(earlier).not.toHaveProperty('multiplier');
  });

  it('made again with the same content are no write; other content under the same version is refused whole', async () => {
    const { buffer, store } = await open();
    await buffer.keepIntervals([anInterval()]);
    const before = store.batches;
    expect(await buffer.keepIntervals([anInterval({ madeAt: DAY_START + 9 * HOUR_MS })])).toEqual([anInterval()]);
    expect(store.batches).toBe(before);
    const other = anInterval({ value: parseDecimal('1') });
    await expect(buffer.keepIntervals([anInterval({ start: DAY_START + HOUR_MS }), other])).rejects.toThrow(
      /version 1/,
    );
    expect(await buffer.intervals(POINT, 'volume', SPAN)).toEqual([anInterval()]);
  });

  it('whose latest version is damaged are not served in an older one; the same content goes under a new number', async () => {
    const { buffer, store } = await open();
    const corrected = anInterval({ version: 2, value: parseDecimal('17.300') });
    await buffer.keepIntervals([anInterval(), corrected]);
    store.rows.get(`${KEY}/000002`)![30]! ^= 1;
    expect(await buffer.intervals(POINT, 'volume', SPAN)).toEqual([]);
    const [kept] = await buffer.keepIntervals([corrected]);
    expect(kept).toEqual({ ...corrected, version: 3 });
    expect(await buffer.intervals(POINT, 'volume', SPAN)).toEqual([kept]);
    expect(await buffer.keepIntervals([corrected])).toEqual([kept]);
  });

  it.each([
    ['other than all before', '18.100'],
    ['what the first one said', '17.200'],
    ['what the damaged one said', '17.400'],
  ])('made anew where the newest version is damaged, and says %s: under a new number', async (_what, value) => {
    const { buffer, store } = await open();
    const versions = ['17.200', '17.300', '17.400'].map((text, n) =>
      anInterval({ version: n + 1, value: parseDecimal(text) }),
    );
    await buffer.keepIntervals(versions.slice(0, 1));
    for (const newer of versions.slice(1)) await buffer.keepIntervals([newer]);
    store.rows.get(`${KEY}/000003`)![30]! ^= 1;
    // Whoever makes it sees no version at all.
    expect(await buffer.intervals(POINT, 'volume', SPAN)).toEqual([]);
    const [kept] = await buffer.keepIntervals([anInterval({ value: parseDecimal(value) })]);
    expect(kept).toEqual(anInterval({ version: 4, value: parseDecimal(value) }));
    expect(await buffer.intervals(POINT, 'volume', SPAN)).toEqual([kept]);
  });
});
