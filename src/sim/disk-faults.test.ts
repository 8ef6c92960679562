import { describe, expect, it } from 'vitest';
import { flipBit, garble, joined, lostStretch, powerCut, tear, WriteFaults } from './disk-faults.ts';
import { seededRandom } from './random.ts';

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);
const WRITES = [1, 2, 3].map((n) => new Uint8Array(10).fill(n));
const random = (seed: number) => seededRandom(seed);
const cutOf = (seed: number) => powerCut(WRITES, random(seed), random(seed).fork('tearing'));

describe('a power cut', () => {
  it('leaves every number of whole writes, and a part of the next one of every length', () => {
    const lengths = new Set(SEEDS.map((seed) => cutOf(seed).length));
    expect([...lengths].sort((a, b) => a - b)).toEqual(Array.from({ length: 31 }, (_, n) => n));
  });

  it('leaves nothing but a prefix, or one whose end has its length and no bytes yet', () => {
    let zeros = 0;
    for (const seed of SEEDS) {
      const left = [...cutOf(seed)];
      const end = left.indexOf(0) === -1 ? left.length : left.indexOf(0);
      expect(left.slice(0, end)).toEqual([...joined(WRITES)].slice(0, end));
      expect(left.slice(end).every((byte) => byte === 0)).toBe(true);
      if (end < left.length) {
        zeros++;
        expect(left.length % 10).toBe(0);
      }
    }
    expect(zeros).toBeGreaterThan(20);
    expect(zeros).toBeLessThan(150);
  });

  it('is the same from the same seed, and leaves nothing of nothing', () => {
    expect(cutOf(7)).toEqual(cutOf(7));
    expect(powerCut([], random(1), random(2))).toEqual(new Uint8Array());
  });
});

describe('damage', () => {
  it('tears a write at any byte', () => {
    const lengths = new Set(SEEDS.map((seed) => tear(WRITES[0]!, random(seed)).length));
    expect(lengths.size).toBe(11);
  });

  it('turns over one bit, any one, of a copy', () => {
    const zeros = new Uint8Array(3);
    const values = new Set(SEEDS.map((seed) => flipBit(zeros, random(seed)).join()));
    expect(values.size).toBe(24);
    expect([...values].every((text) => text.split(',').filter((byte) => byte !== '0').length === 1)).toBe(true);
    expect(zeros).toEqual(new Uint8Array(3));
    expect(flipBit(new Uint8Array(), random(1))).toEqual(new Uint8Array());
  });

  it('garbles what it is told to and nothing else', () => {
    const garbled = garble(new Uint8Array(100), 40, 60, random(1));
    expect(garbled.slice(0, 40).every((byte) => byte === 0) && garbled.slice(60).every((byte) => byte === 0)).toBe(
      true,
    );
    expect(new Set(garbled.slice(40, 60)).size).toBeGreaterThan(10);
  });

  it('loses a stretch of pieces, never none and never more than a third', () => {
    const pieces = Array.from({ length: 9 }, (_, n) => n);
    const lost = SEEDS.map((seed) => lostStretch(pieces, random(seed)));
    expect(new Set(lost.map(({ length }) => length))).toEqual(new Set([1, 2, 3]));
    expect(new Set(lost.flat()).size).toBe(9);
    for (const stretch of lost) expect(stretch).toEqual(pieces.slice(stretch[0], stretch[0]! + stretch.length));
    expect(lostStretch([], random(1))).toEqual([]);
  });
});

it('refuses writes from a given one on, as often as ordered, and where there is no room', () => {
  const faults = new WriteFaults();
  faults.failNext('store-io', 2, 1);
  faults.failNext('store-full', 1, 0);
  let hasRoom = true;
  const met = [1, 2, 3, 4, 5].map(() => faults.meet(() => hasRoom));
  expect(met).toEqual([undefined, 'store-io', 'store-io', 'store-full', undefined]);
  hasRoom = false;
  expect(faults.meet(() => hasRoom)).toBe('store-full');
});
