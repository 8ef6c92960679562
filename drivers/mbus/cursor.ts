import { OdecetError } from '../../src/core/failure.ts';

/**
 * Reads forward through bytes[at, end). Running over the end throws OdecetError frame-length: the frame's checksum was right, so
 * a record that needs more bytes than there are contradicts the length.
 */
export class Cursor {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  byte(): number {
    return this.bytes[this.skip(1)]!;
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
