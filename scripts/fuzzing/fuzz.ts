import type { Random } from '../../src/sim/random.ts';

/** One protocol under fuzz: makes a case from chance and judges it; the text says what is wrong with the decoder. */
export type FuzzCase = (random: Random) => { readonly fault: string | undefined; readonly accepted: boolean };

/** Changes, cuts, doubles or inserts bytes; sometimes nothing. */
export function mutated(bytes: Uint8Array, random: Random): Uint8Array {
  const all = [...bytes];
  for (let changes = random.below(5); changes > 0 && all.length > 0; changes--) {
    const at = random.below(all.length);
    switch (random.below(6)) {
      case 0:
        all.splice(at, random.below(4));
        break;
      case 1:
        all.splice(at, 0, ...randomBytes(random, random.below(4)));
        break;
      case 2:
        all.splice(at, 0, ...all.slice(at, at + random.below(20)));
        break;
      case 3:
        all[at] = all[at]! ^ (1 << random.below(8));
        break;
      case 4:
        all.length = at;
        break;
      default:
        all[at] = random.below(256);
    }
  }
  return Uint8Array.from(all);
}

export function randomBytes(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.below(256));
}
