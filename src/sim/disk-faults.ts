import type { FailureCode } from '../core/failure.ts';
import type { Random } from './random.ts';

/**
 * What a disk does to bytes, from a seed. It knows no format, so that the same faults are done to the imagined store, to its
 * second copy, and to the files of a real LevelDB.
 */

/** ENOSPC and EIO, as the failure catalogue calls them. */
export type WriteFailure = Extract<FailureCode, 'store-full' | 'store-io'>;

/** The files of a folder by their names; a fault takes some away or puts others in their place. */
export type Files = Map<string, Uint8Array>;

/**
 * The power goes while these writes, one behind the other in a file, are not synced yet. Gives what the file has of them: the
 * first few whole, the next one torn at any byte. Of that one the file may have its length already and not yet all its bytes,
 * as journals of file systems allow: zeros then.
 *
 * @param random how many stay whole
 * @param tearing where the next one is torn: a stream of its own, so that it changes nothing in the other
 */
export function powerCut(writes: readonly Uint8Array[], random: Random, tearing: Random): Uint8Array {
  const whole = random.below(writes.length + 1);
  const next = writes[whole] ?? new Uint8Array();
  const part = tear(next, tearing);
  const hasLength = tearing.chance(0.25);
  const torn = hasLength ? joined([part, new Uint8Array(next.length - part.length)]) : part;
  return joined([...writes.slice(0, whole), torn]);
}

/** The first bytes of a write: none, some, or all of them. */
export function tear(write: Uint8Array, random: Random): Uint8Array {
  return write.slice(0, random.below(write.length + 1));
}

/** The same with one bit turned over; nothing when there is none. */
export function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const flipped = bytes.slice();
  if (flipped.length === 0) return flipped;
  const place = random.below(flipped.length);
  flipped[place] = flipped[place]! ^ (1 << random.below(8));
  return flipped;
}

/** The same with anything in the place of the bytes from `from` up to `to`. */
export function garble(bytes: Uint8Array, from: number, to: number, random: Random): Uint8Array {
  return bytes.map((byte, n) => (n >= from && n < to ? random.below(256) : byte));
}

/** Of a row of pieces (the rows of a table, the pages of a file) a stretch that is gone: at least one, at most a third of them. */
export function lostStretch<T>(pieces: readonly T[], random: Random): T[] {
  const length = Math.min(pieces.length, 1 + random.below(Math.ceil(pieces.length / 3)));
  const from = random.below(pieces.length - length + 1);
  return pieces.slice(from, from + length);
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Which writes a disk refuses. */
export class WriteFaults {
  /** Of the next writes, in their order; undefined = that one succeeds. */
  readonly #next: (WriteFailure | undefined)[] = [];

  /** @param after so many writes succeed before */
  failNext(code: WriteFailure, times: number, after: number): void {
    for (let n = 0; n < after; n++) this.#next.push(undefined);
    for (let n = 0; n < times; n++) this.#next.push(code);
  }

  /** To be asked once for each write: what it meets. @param hasRoom asked only where no failure was ordered */
  meet(hasRoom: () => boolean): WriteFailure | undefined {
    return this.#next.shift() ?? (hasRoom() ? undefined : 'store-full');
  }
}
