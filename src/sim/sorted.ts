import { createRequire } from 'node:module';
import type btree from 'sorted-btree';
import type { StoreRange } from '../machine/store.ts';

// The package is CommonJS with a default export, which Node and bundling loaders hand to an import in two different ways.
const { default: BTree }: typeof btree = createRequire(import.meta.url)('sorted-btree');

/** No unit from the surrogates on: against such a text JavaScript's own order, which is fast, is that of the bytes. */
const PLAIN = /^[\0-\ud7ff]*$/;

export interface Row {
  readonly key: string;
  value: Uint8Array;
}

/** Rows in key order. A program asks for single rows far oftener than for ranges, so a map finds those and the tree is spared. */
export class SortedRows {
  readonly #byKey = new Map<string, Row>();
  /** Whether all keys are plain. */
  #isPlain = true;
  readonly #inOrder = new BTree<string, Row>(undefined, (a, b) =>
    this.#isPlain ? (a < b ? -1 : a > b ? 1 : 0) : compareUtf8(a, b),
  );

  get(key: string): Uint8Array | undefined {
    return this.#byKey.get(key)?.value;
  }

  /** Gives what stood there. */
  set(key: string, value: Uint8Array): Uint8Array | undefined {
    const row = this.#byKey.get(key);
    if (!row) {
      this.#add({ key, value });
      return undefined;
    }
    const before = row.value;
    row.value = value;
    return before;
  }

  #add(row: Row): void {
    this.#isPlain &&= PLAIN.test(row.key);
    this.#byKey.set(row.key, row);
    this.#inOrder.set(row.key, row);
  }

  /** Gives what stood there. */
  delete(key: string): Uint8Array | undefined {
    const row = this.#byKey.get(key);
    if (!row) return undefined;
    this.#byKey.delete(key);
    this.#inOrder.delete(key);
    return row.value;
  }

  keys(): string[] {
    return this.#inOrder.keysArray();
  }

  /** All rows of the range up to the limit, in key order (or reversed). */
  page({ gte, lt, reverse = false, limit = Number.POSITIVE_INFINITY }: StoreRange): Row[] {
    const found: Row[] = [];
    if (limit <= 0) return found;
    if (reverse) {
      for (const [key, row] of this.#inOrder.entriesReversed(lt, undefined, true)) {
        if (compareUtf8(key, gte) < 0 || found.push(row) >= limit) break;
      }
      return found;
    }
    this.#inOrder.forRange(gte, lt, false, (_, row) => (found.push(row) >= limit ? { break: true } : undefined));
    return found;
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
