import { randomFillSync } from 'node:crypto';
import type { Entropy } from '../machine/entropy.ts';

export function hostEntropy(): Entropy {
  return {
    fraction: Math.random,
    bytes: (count) => randomFillSync(new Uint8Array(count)),
  };
}
