/**
 * Chance from a seed: xoshiro128** 1.1 by David Blackman and Sebastiano Vigna (public domain), the same on every machine.
 * Every part of a world forks its own stream by name, so that one more draw in one part changes nothing in the others.
 */
export interface Random {
  /** 0 <= x < 2^32 */
  uint32(): number;
  /** 0 <= x < 1 */
  fraction(): number;
  /** A whole number 0 <= x < count. */
  below(count: number): number;
  /** True with this probability, 0..1. */
  chance(probability: number): boolean;
  fork(name: string): Random;
}

export function seededRandom(seed: string | number): Random {
  const name = String(seed);
  const uint32 = xoshiro128ss([0, 1, 2, 3].map((n) => hash(`${n}:${name}`)));
  const fraction = () => (uint32() >>> 5) / 2 ** 27 + (uint32() >>> 6) / 2 ** 53;
  return {
    uint32,
    fraction,
    below: (count) => Math.floor(fraction() * count),
    chance: (probability) => fraction() < probability,
    fork: (part) => seededRandom(`${name}/${part}`),
  };
}

/** @param state four 32-bit words, not all zero */
export function xoshiro128ss(state: readonly number[]): () => number {
  let [a = 1, b = 0, c = 0, d = 0] = state;
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotate(d, 11);
    return result;
  };
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** FNV-1a, 32 bits, with the final mixing of MurmurHash3 (both public domain): near names give far states. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
