import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StoreOp } from '../machine/store.ts';
import { decodeBatches, encodeBatch } from './batch-log.ts';
import { joined } from './disk-faults.ts';

const op: fc.Arbitrary<StoreOp> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key: fc.string({ unit: 'binary' }),
    value: fc.uint8Array({ maxLength: 40 }),
  }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.string({ unit: 'binary' }) }),
);
const batches = fc.array(fc.array(op, { minLength: 1, maxLength: 4 }), { maxLength: 4 });
const plain = (all: readonly (readonly StoreOp[])[]) =>
  all.map((ops) => ops.map((one) => (one.kind === 'put' ? { ...one, value: [...one.value] } : one)));

it('gives back the batches of a log, and of one cut anywhere those that are whole', () => {
  fc.assert(
    fc.property(batches, fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (all, share, hasLength) => {
      const records = all.map(encodeBatch);
      const log = joined(records);
      expect(plain(decodeBatches(log))).toEqual(plain(all));
      const end = Math.floor(share * log.length);
      const cut = log.map((byte, n) => (n < end ? byte : 0)).slice(0, hasLength ? log.length : end);
      const ends = records.map((_, n) => records.slice(0, n + 1).reduce((sum, { length }) => sum + length, 0));
      const count = decodeBatches(cut).length;
      // A record that ended in zeros is whole with zeros in their place.
      expect(count).toBeGreaterThanOrEqual(ends.filter((at) => at <= end).length);
      expect(plain(decodeBatches(cut))).toEqual(plain(all).slice(0, count));
      if (!hasLength) expect(count).toBe(ends.filter((at) => at <= end).length);
    }),
  );
});

it('stops at any flipped bit', () => {
  const records = [1, 2, 3].map((n) => encodeBatch([{ kind: 'put', key: `row ${n}`, value: Uint8Array.of(n, n) }]));
  const log = joined(records);
  for (let bit = 0; bit < log.length * 8; bit++) {
    const flipped = log.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    expect(decodeBatches(flipped)).toHaveLength(Math.floor(bit / 8 / records[0]!.length));
  }
});
