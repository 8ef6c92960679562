import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import { anInterval, aReading, DAY_START, memoryStore, POINT, standingClock } from './buffer.testkit.ts';
import { openRow } from './frame.ts';
import { openBuffer } from './index.ts';
import { HEADS_KEY } from './keys.ts';

/** A store as version 1 of the record format wrote it, byte for byte: it must be readable for ever. */
const GOLDEN: readonly [string, string][] = JSON.parse(
  readFileSync(new URL('../../test/golden/store-version-1.json', import.meta.url), 'utf8'),
);
const DAY = { start: DAY_START, end: DAY_START + 24 * HOUR_MS };
const HOURS = [0, 1, 2, 3].map((hour) => DAY_START + hour * HOUR_MS);

function golden() {
  return memoryStore(new Map(GOLDEN.map(([key, text]) => [key, Uint8Array.from(Buffer.from(text, 'base64'))])));
}

async function open(store: ReturnType<typeof memoryStore>) {
  const damages: string[] = [];
  const buffer = await openBuffer(store, { clock: standingClock(), onDamage: ({ key }) => damages.push(key) });
  return { buffer, damages };
}

describe('a store of version 1', () => {
  it('every row of it can be read', () => {
    for (const [key, text] of GOLDEN)
      expect(openRow(key, Buffer.from(text, 'base64')), key).toMatchObject({ version: 1 });
  });

  it('says the same after it was brought to this version, and nothing is damaged or without an owner', async () => {
    const { buffer, damages } = await open(golden());
    expect(damages).toEqual([]);
    const base = await buffer.readings('boiler-house', 'volume.base', DAY);
    const stored = HOURS.map((at) => aReading({ at }));
    const sampled = HOURS.map((at) =>
      aReading({ at: at + 1234, source: 'sampled', uncertaintyMs: 40, readAt: at + 1274 }),
    );
    expect(base).toEqual([...stored, ...sampled].sort((a, b) => a.at - b.at));
    const disturbed = await buffer.readings('boiler-house', 'volume.base.disturbed', DAY);
    expect(disturbed.map(({ flags }) => flags)).toEqual(HOURS.map(() => ['disturbed']));
    const [conflict] = await buffer.conflicts('boiler-house', 'volume.base', DAY);
    expect(conflict?.value).toEqual({ coefficient: 99n, exponent: 1 });
    expect((await buffer.intervals(POINT, 'volume', DAY)).map(({ version }) => version)).toEqual([2, 1, 1]);
    expect((await buffer.outbox.heads()).map(({ state }) => state)).toEqual(['sent']);
    expect(await buffer.verify()).toMatchObject({ clean: true, entries: 5 + 5 + 2 + 7 });
  });

  it('stages go on where they stood, in both journals', async () => {
    const { buffer } = await open(golden());
    for (const [stream, cursor] of [
      ['readings', 'profiler'],
      ['samples', 'profiler/samples'],
    ] as const) {
      const after = await buffer.cursor(cursor);
      expect(after).toBe(3);
      const changes = await buffer.changes(stream, after, 10);
      expect(changes.map(({ sequence, lost }) => [sequence, lost])).toEqual([
        [4, false],
        [5, false],
      ]);
    }
    expect((await buffer.keepRound([aReading()])).known).toBe(1);
  });

  it('is whole after a migration that was broken off at any batch', async () => {
    const batches = golden();
    await open(batches);
    for (let after = 0; after < batches.batches; after++) {
      const store = golden();
      store.batchesLeft = after;
      await expect(open(store)).rejects.toMatchObject({ failure: { code: 'store-io' } });
      store.batchesLeft = Number.POSITIVE_INFINITY;
      const { buffer } = await open(store);
      expect(await buffer.readings('boiler-house', 'volume.base', DAY)).toHaveLength(8);
      expect(await buffer.verify(), `after ${after}`).toMatchObject({ clean: true });
    }
  });

  it.each(['damaged', 'gone'])('says the same when the record of its numbers is %s', async (how) => {
    const store = golden();
    if (how === 'gone') store.rows.delete(HEADS_KEY);
    else store.rows.get(HEADS_KEY)![20]! ^= 1;
    const { buffer, damages } = await open(store);
    expect(damages).toContain(HEADS_KEY);
    expect(await buffer.readings('boiler-house', 'volume.base', DAY)).toHaveLength(8);
    expect((await buffer.verify()).holes).toEqual([]);
  });

  it('an interval of it is not taken for another that was told', async () => {
    const { buffer } = await open(golden());
    const again = await buffer.keepIntervals([anInterval({ start: HOURS[3]! })]);
    expect(again[0]?.version).toBe(1);
  });
});
