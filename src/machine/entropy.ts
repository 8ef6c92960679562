/** Chance, from the machine or from a seed. */
export interface Entropy {
  /** 0 <= x < 1, for jitter. */
  fraction(): number;
  /** For identifiers and nonces. */
  bytes(count: number): Uint8Array;
}
