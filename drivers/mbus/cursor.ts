import { OdecetError } from '../../src/core/failure.ts';
import { hex } from './hex.ts';

/** In which order the bytes of one field stand: mode 1 of the CI field, or mode 2 (EN 1434-3:1997, M bit of the CI field). */
export type ByteOrder = 'low-first' | 'high-first';

/**
 * Reads forward through bytes[at, end). Running over the end throws OdecetError frame-length: the frame's checksum was right, so
 * a record that needs more bytes than there are contradicts the length.
 */
export class Cursor {
  /** As on the wire, but what field() has stepped over has its low byte first. */
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  readonly order: ByteOrder;
  readonly #wire: Uint8Array;

  constructor(bytes: Uint8Array, order: ByteOrder = 'low-first') {
    this.#wire = bytes;
    // Only what is turned round needs a copy: almost every meter sends the low byte first.
    this.bytes = order === 'high-first' ? bytes.slice() : bytes;
    this.at = 0;
    this.end = bytes.length;
    this.order = order;
  }

  get left(): number {
    return this.end - this.at;
  }

  byte(): number {
    return this.bytes[this.skip(1)]!;
  }

  /** Steps over one field of several bytes and returns where it begins; in `bytes` its low byte is first from now on. */
  field(length: number): number {
    const at = this.skip(length);
    if (this.order === 'high-first') this.bytes.subarray(at, at + length).reverse();
    return at;
  }

  /** Hex of the bytes from `from` to here as they came over the wire. */
  hexSince(from: number): string {
    return hex(this.#wire, from, this.at);
  }

  /** Steps over `length` bytes and returns where they begin. */
  skip(length: number): number {
    const from = this.at;
    if (from + length > this.end) {
      throw new OdecetError(
        'frame-length',
        `at byte ${from} of the application data ${length} byte(s) are announced and ${this.left} are left`,
      );
    }
    this.at = from + length;
    return from;
  }
}
