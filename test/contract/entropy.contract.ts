import { describe, expect, it } from 'vitest';
import type { Entropy } from '../../src/machine/entropy.ts';

export function entropyContract(name: string, make: () => Entropy): void {
  describe(`entropy: ${name}`, () => {
    it('fractions are at least 0, below 1, and spread', () => {
      const entropy = make();
      const tenths = new Set<number>();
      for (let n = 0; n < 1_000; n++) {
        const x = entropy.fraction();
        expect(x >= 0 && x < 1).toBe(true);
        tenths.add(Math.floor(x * 10));
      }
      expect(tenths.size).toBe(10);
    });

    it('gives as many bytes as asked, of every value, and others the next time', () => {
      const entropy = make();
      expect(entropy.bytes(0)).toEqual(new Uint8Array(0));
      const many = entropy.bytes(10_000);
      expect(many).toHaveLength(10_000);
      expect(many.constructor).toBe(Uint8Array);
      expect(new Set(many).size).toBe(256);
      expect(entropy.bytes(16)).not.toEqual(entropy.bytes(16));
    });
  });
}
