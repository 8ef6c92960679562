import type { Entropy } from '../machine/entropy.ts';
import type { Random } from './random.ts';

export function simEntropy(random: Random): Entropy {
  return {
    fraction: () => random.fraction(),
    bytes: (count) => Uint8Array.from({ length: count }, () => random.below(256)),
  };
}
