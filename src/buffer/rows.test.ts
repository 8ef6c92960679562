import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Damage } from './api.ts';
import { memoryStore } from './buffer.testkit.ts';
import { decodeCursor } from './codec.ts';
import { type Row, sealRow } from './frame.ts';
import { readRows, walk } from './rows.ts';

describe('walking a range page by page', () => {
  it('meets every row once, in order, both ways', async () => {
    const keys = fc.uniqueArray(fc.string({ unit: fc.constantFrom('a', '0', '1', '~', '\u0000'), maxLength: 6 }), {
      minLength: 17,
      maxLength: 90,
    });
    await fc.assert(
      fc.asyncProperty(keys, fc.boolean(), async (names, reverse) => {
        const store = memoryStore(new Map(names.map((name) => [`r/${name}`, new Uint8Array()])));
        const met: string[] = [];
        for await (const [key] of walk(store, { gte: 'r/', lt: 'r0' }, reverse)) met.push(key);
        const sorted = names.map((name) => `r/${name}`).sort();
        expect(met).toEqual(reverse ? sorted.reverse() : sorted);
      }),
    );
  });

  it('takes heavy rows in small pages', async () => {
    const store = memoryStore(new Map(Array.from({ length: 300 }, (_, n) => [`m/${n}`, new Uint8Array(100_000)])));
    const limits: (number | undefined)[] = [];
    const watched = {
      ...store,
      range: (range: Parameters<typeof store.range>[0]) => {
        limits.push(range.limit);
        return store.range(range);
      },
    };
    let met = 0;
    for await (const _ of walk(watched, { gte: 'm/', lt: 'm0' })) met++;
    expect(met).toBe(300);
    expect(new Set(limits)).toEqual(new Set([4]));
  });
});

describe('what a row said', () => {
  const KEY = 'c/one';
  const setUp = () => {
    const stored = new Map([[KEY, sealRow(KEY, 0, { sequence: 7 })]]);
    const damages: Damage[] = [];
    let decoded = 0;
    const decode = (row: Row) => {
      decoded++;
      return decodeCursor(row);
    };
    const rows = readRows(memoryStore(stored), (damage) => damages.push(damage));
    return { stored, damages, decoded: () => decoded, get: () => rows.get(KEY, decode) };
  };

  it('is worked out once, and anew when it was rewritten', async () => {
    const { stored, decoded, get } = setUp();
    expect(await get()).toEqual({ sequence: 7 });
    expect(await get()).toEqual({ sequence: 7 });
    expect(decoded()).toBe(1);
    stored.set(KEY, sealRow(KEY, 0, { sequence: 8 }));
    expect(await get()).toEqual({ sequence: 8 });
  });

  it('is not remembered of a row that was damaged since', async () => {
    const { stored, damages, get } = setUp();
    await get();
    const bytes = stored.get(KEY)!.slice();
    bytes[bytes.length - 3]! ^= 4;
    stored.set(KEY, bytes);
    await expect(get()).rejects.toThrow('checksum');
    expect(damages).toHaveLength(1);
  });

  it('is held within a bound of bytes, and never of a document', async () => {
    const small = Array.from({ length: 80 }, (_, n): [string, string] => [`m/${n}`, 's'.repeat(7_000)]);
    const stored = [...small, ['m/document', 'd'.repeat(66_000)] as const];
    const decoded: string[] = [];
    const decode = (row: Row) => {
      decoded.push(row.key);
      return { payload: row.payload };
    };
    const store = memoryStore(new Map(stored.map(([key, text]) => [key, sealRow(key, 0, { text })])));
    const rows = readRows(store, () => {});
    await rows.get('m/document', decode);
    await rows.get('m/document', decode);
    expect(decoded).toEqual(['m/document', 'm/document']);
    for (const [key] of small) await rows.get(key, decode);
    decoded.length = 0;
    await rows.get('m/79', decode);
    expect(decoded).toEqual([]);
    await rows.get('m/0', decode);
    expect(decoded).toEqual(['m/0']);
  });

  it('is held in so many ways at most, also for who brings another decoder each time', async () => {
    const rows = readRows(memoryStore(new Map([[KEY, sealRow(KEY, 0, { sequence: 7 })]])), () => {});
    let decoded = 0;
    const decoders = Array.from({ length: 200 }, () => (row: Row) => {
      decoded++;
      return decodeCursor(row);
    });
    for (const decode of decoders) await rows.get(KEY, decode);
    expect(decoded).toBe(200);
    let held = 0;
    for (const decode of decoders.reverse()) {
      await rows.get(KEY, decode);
      if (decoded > 200) break;
      held++;
    }
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThanOrEqual(24);
  });
});
