import { createRequire } from 'node:module';
import type btree from 'sorted-btree';

// The package is CommonJS with a default export, which Node and bundling loaders hand to an import in two different ways.
const { default: BTree }: typeof btree = createRequire(import.meta.url)('sorted-btree');

/** Rows in key order. */
export type SortedRows = InstanceType<typeof BTree<string, Uint8Array>>;

export function sortedRows(): SortedRows {
  return new Rows();
}

/** No unit from the surrogates on: against such a text JavaScript's own order, which is fast, is that of the bytes. */
const PLAIN = /^[\0-\ud7ff]*$/;

class Rows extends BTree<string, Uint8Array> {
  constructor() {
    let isPlain = true;
    super(undefined, (a, b) => (isPlain ? (a < b ? -1 : a > b ? 1 : 0) : compareUtf8(a, b)));
    this.set = (key, value, overwrite) => {
      isPlain &&= PLAIN.test(key);
      return super.set(key, value, overwrite);
    };
  }
}

/**
 * Orders as the UTF-8 bytes do. JavaScript orders by UTF-16 units, which differs only where one of two units is a
 * surrogate (a character beyond U+FFFF) and the other lies above the surrogates.
 */
export function compareUtf8(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  const isSurrogate = unit >= 0xd800 && unit <= 0xdfff;
  return isSurrogate ? unit + 0x10000 : unit;
}
