import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Store, StoreOp, StoreRange } from '../../src/machine/store.ts';

/** A place for one store. */
export interface StorePlace {
  open(create?: boolean): Promise<Store>;
}

export interface StoreSubject {
  readonly name: string;
  run(body: (place: StorePlace) => Promise<void>): Promise<void>;
}

const EVERYTHING: StoreRange = { gte: '', lt: '\u{10ffff}' };

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function put(key: string, value = `value of ${key}`): StoreOp {
  return { kind: 'put', key, value: bytes(value) };
}

async function keysOf(store: Store, range: StoreRange): Promise<string[]> {
  return (await store.range(range)).map(([key]) => key);
}

export function storeContract(subject: StoreSubject): void {
  const inPlace = (body: (place: StorePlace) => Promise<void>) => () => subject.run(body);
  const inStore = (body: (store: Store) => Promise<void>) =>
    inPlace(async (place) => {
      const store = await place.open(true);
      await body(store);
      await store.close();
    });

  describe(`store: ${subject.name}`, () => {
    it(
      'gives back what was put, and undefined for what was not or was deleted',
      inStore(async (store) => {
        await store.batch([put('a', 'one'), put('b', ''), put('c')]);
        await store.batch([{ kind: 'delete', key: 'c' }, { kind: 'delete', key: 'never there' }, put('a', 'two')]);
        expect(await store.get('a')).toEqual(bytes('two'));
        expect(await store.get('b')).toEqual(new Uint8Array(0));
        expect(await store.get('c')).toBeUndefined();
        expect(await store.getMany(['b', 'c', 'a'])).toEqual([new Uint8Array(0), undefined, bytes('two')]);
        expect(await store.getMany([])).toEqual([]);
      }),
    );

    it(
      'of two writes of one key in one batch the later holds',
      inStore(async (store) => {
        await store.batch([put('a', 'one'), put('a', 'two'), put('b'), { kind: 'delete', key: 'b' }]);
        expect(await store.range(EVERYTHING)).toEqual([['a', bytes('two')]]);
      }),
    );

    it(
      'an empty batch is no trouble',
      inStore(async (store) => {
        await store.batch([]);
        expect(await store.range(EVERYTHING)).toEqual([]);
      }),
    );

    it(
      'a range is half-open, and reversed and cut from its own end',
      inStore(async (store) => {
        await store.batch(['a', 'b', 'b!', 'c', 'd'].map((key) => put(key)));
        expect(await keysOf(store, { gte: 'b', lt: 'd' })).toEqual(['b', 'b!', 'c']);
        expect(await keysOf(store, { gte: 'b', lt: 'd', reverse: true })).toEqual(['c', 'b!', 'b']);
        expect(await keysOf(store, { gte: 'a', lt: 'd', limit: 2 })).toEqual(['a', 'b']);
        expect(await keysOf(store, { gte: 'a', lt: 'd', limit: 2, reverse: true })).toEqual(['c', 'b!']);
        expect(await keysOf(store, { gte: 'a', lt: 'd', limit: 0 })).toEqual([]);
        expect(await keysOf(store, { gte: 'c', lt: 'b' })).toEqual([]);
      }),
    );

    it(
      'orders keys by their UTF-8 bytes',
      inStore(async (store) => {
        const keys = ['a', 'a\u0000', 'ab', 'ž', '\uffee', '\u{1f525}', 'Z', '~'];
        await store.batch(keys.map((key) => put(key)));
        const byBytes = [...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
        expect(await keysOf(store, EVERYTHING)).toEqual(byBytes);
        expect(await keysOf(store, { ...EVERYTHING, reverse: true })).toEqual(byBytes.reverse());
      }),
    );

    it(
      'gives a long range whole',
      inStore(async (store) => {
        const keys = Array.from({ length: 2_500 }, (_, n) => `k${String(n).padStart(5, '0')}`);
        await store.batch(keys.map((key) => put(key, key.repeat(200))));
        expect(await keysOf(store, EVERYTHING)).toEqual(keys);
      }),
    );

    it(
      'what is done to bytes after they were written or read changes nothing stored',
      inStore(async (store) => {
        const value = bytes('one');
        const written = store.batch([{ kind: 'put', key: 'a', value }]);
        await written;
        value.fill(0);
        (await store.get('a'))?.fill(1);
        (await store.range(EVERYTHING))[0]?.[1].fill(2);
        expect(await store.get('a')).toEqual(bytes('one'));
      }),
    );

    it(
      'batches asked for at once are done in order',
      inStore(async (store) => {
        await Promise.all(Array.from({ length: 50 }, (_, n) => store.batch([put('last', String(n)), put(`n${n}`)])));
        expect(await store.get('last')).toEqual(bytes('49'));
        expect(await keysOf(store, EVERYTHING)).toHaveLength(51);
      }),
    );

    it(
      'keeps everything over close and open',
      inPlace(async (place) => {
        const first = await place.open(true);
        const writing = first.batch([put('a', 'one')]);
        await first.close();
        await writing;
        const second = await place.open();
        expect(await second.get('a')).toEqual(bytes('one'));
        await second.close();
      }),
    );

    it(
      'create: true keeps a store that is there',
      inPlace(async (place) => {
        const first = await place.open(true);
        await first.batch([put('a', 'one')]);
        await first.close();
        const second = await place.open(true);
        expect(await second.get('a')).toEqual(bytes('one'));
        await second.close();
      }),
    );

    it(
      'never makes a store where one is only expected',
      inPlace(async (place) => {
        await expect(place.open()).rejects.toMatchObject({ failure: { code: 'store-missing' } });
        await expect(place.open(false)).rejects.toMatchObject({ failure: { code: 'store-missing' } });
      }),
    );

    it(
      'has one user at a time',
      inPlace(async (place) => {
        const first = await place.open(true);
        await expect(place.open()).rejects.toMatchObject({ failure: { code: 'store-locked' } });
        await first.close();
        await (await place.open()).close();
      }),
    );

    it(
      'refuses everything after close',
      inPlace(async (place) => {
        const store = await place.open(true);
        await store.close();
        await store.close();
        const refusal = { failure: { code: 'store-io' } };
        await expect(store.get('a')).rejects.toMatchObject(refusal);
        await expect(store.range(EVERYTHING)).rejects.toMatchObject(refusal);
        await expect(store.batch([put('a')])).rejects.toMatchObject(refusal);
        await expect(store.batch([put('a')])).rejects.toMatchObject(refusal);
      }),
    );

    it(
      'its size grows with what is put',
      inStore(async (store) => {
        const before = await store.size();
        await store.batch([{ kind: 'put', key: 'a', value: new Uint8Array(100_000) }]);
        expect(await store.size()).toBeGreaterThanOrEqual(before + 4_000);
      }),
    );

    const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 3 });
    const op: fc.Arbitrary<StoreOp> = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 8 }) }),
      fc.record({ kind: fc.constant('delete' as const), key }),
    );

    it('does what a sorted map does', () =>
      fc.assert(
        fc.asyncProperty(fc.array(fc.array(op)), key, key, fc.boolean(), async (batches, gte, lt, reverse) => {
          const map = new Map<string, Uint8Array>();
          await subject.run(async (place) => {
            const store = await place.open(true);
            for (const ops of batches) {
              await store.batch(ops);
              for (const each of ops) applyTo(map, each);
            }
            const sorted = [...map].sort(([x], [y]) => byBytes(x, y));
            const inRange = sorted.filter(([x]) => byBytes(x, gte) >= 0 && byBytes(x, lt) < 0);
            expect(await store.range({ gte, lt, reverse })).toEqual(reverse ? inRange.reverse() : inRange);
            await store.close();
          });
        }),
        { numRuns: 30 },
      ));
  });
}

function applyTo(map: Map<string, Uint8Array>, op: StoreOp): void {
  if (op.kind === 'put') map.set(op.key, op.value);
  else map.delete(op.key);
}

function byBytes(x: string, y: string): number {
  return Buffer.compare(Buffer.from(x), Buffer.from(y));
}
