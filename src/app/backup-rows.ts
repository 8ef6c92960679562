import type { StoreSnapshot } from '../machine/store.ts';

/** Rows of a store as one block of bytes: length and key, length and value, one after the other; lengths are u32, big-endian. */
const ROWS_AT_ONCE = 1_000;
const BEYOND = '\u{10ffff}';

/** Every row of a snapshot, in blocks. */
export async function* rowBlocks(snapshot: StoreSnapshot): AsyncGenerator<Uint8Array> {
  let gte = '';
  for (;;) {
    const rows = await snapshot.range({ gte, lt: BEYOND, limit: ROWS_AT_ONCE });
    const last = rows.at(-1);
    if (!last) return;
    yield encodeRows(rows);
    gte = `${last[0]}\u0000`;
  }
}

export function encodeRows(rows: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  return Buffer.concat(rows.flatMap(([key, value]) => [...field(Buffer.from(key)), ...field(value)]));
}

function field(bytes: Uint8Array): Uint8Array[] {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return [length, bytes];
}

/** Throws RangeError on bytes that encodeRows did not write. */
export function decodeRows(block: Uint8Array): [key: string, value: Uint8Array][] {
  const bytes = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  const rows: [string, Uint8Array][] = [];
  let at = 0;
  const next = (): Buffer => {
    const length = bytes.readUInt32BE(at);
    at += 4 + length;
    if (at > bytes.length) throw new RangeError('a block of rows ends early');
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) rows.push([next().toString('utf8'), Uint8Array.from(next())]);
  return rows;
}
