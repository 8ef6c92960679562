import { open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import { uncompress } from 'snappyjs';
import { codeOf, openError } from './store-level-error.ts';

/**
 * LevelDB's table files looked through before LevelDB reads them. classic-level gives no way to have block checksums verified:
 * a flipped bit is served as it stands, and where it puts keys out of order the next compaction ends the process by an
 * assertion (seen with classic-level 3.0.0), at every start anew.
 *
 * A table is blocks, each followed by its type and a masked CRC32C of both; the footer leads to the index, the index to the
 * data (LevelDB's doc/table_format.md).
 */
const FOOTER_BYTES = 48;
const TRAILER_BYTES = 5;
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const MASK_DELTA = 0xa282ead8;
const SNAPPY = 1;

interface Handle {
  readonly offset: number;
  readonly size: number;
}

/** The tables of a store that are not what LevelDB wrote. Throws OdecetError store-unreadable for one that may not be read. */
export async function damagedTables(folder: string): Promise<string[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => /\.(ldb|sst)$/.test(name));
  const damaged: string[] = [];
  try {
    for (const name of names) if (!(await isWhole(join(folder, name)))) damaged.push(name);
  } catch (error) {
    throw openError(folder, error);
  }
  return damaged;
}

export async function removeTables(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(folder, name), { recursive: true, force: true });
}

async function isWhole(file: string): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    // A table has about 2 MB: it is read whole.
    return tableIsWhole(await handle.readFile());
  } catch (error) {
    // A sector that cannot be read, or no file at all.
    if (codeOf(error) === 'EIO' || codeOf(error) === 'EISDIR') return false;
    throw error;
  } finally {
    await handle.close();
  }
}

export function tableIsWhole(table: Uint8Array): boolean {
  try {
    const footer = table.subarray(table.length - FOOTER_BYTES);
    if (table.length < FOOTER_BYTES || !MAGIC.every((byte, n) => footer[FOOTER_BYTES - MAGIC.length + n] === byte))
      return false;
    const reader = new Varints(footer);
    const meta = reader.handle();
    const index = reader.handle();
    // LevelDB fills up the footer with zeros, over which it has no checksum.
    if (footer.subarray(reader.at, FOOTER_BYTES - MAGIC.length).some((byte) => byte !== 0)) return false;
    const blocks = [...handlesIn(block(table, meta)), ...handlesIn(block(table, index))];
    for (const each of blocks) block(table, each);
    // Blocks fill the file up to its footer: nothing that a check could miss lies between them.
    const bytes = [...blocks, meta, index].reduce((sum, { size }) => sum + size + TRAILER_BYTES, FOOTER_BYTES);
    return bytes === table.length;
  } catch {
    return false;
  }
}

/** The content of a block; throws when it does not fit its checksum. */
function block(table: Uint8Array, { offset, size }: Handle): Uint8Array {
  const end = offset + size + 1;
  if (end + 4 > table.length - FOOTER_BYTES) throw new RangeError('a block beyond the end of its table');
  const stored = new DataView(table.buffer, table.byteOffset + end, 4).getUint32(0, true);
  const crc = crc32c.buf(table.subarray(offset, end)) >>> 0;
  const masked = (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
  if (masked !== stored) throw new RangeError('a block that does not fit its checksum');
  const content = table.subarray(offset, offset + size);
  return table[end - 1] === SNAPPY ? uncompress(content) : content;
}

/** What the entries of an index point to. */
function handlesIn(content: Uint8Array): Handle[] {
  const restarts = new DataView(content.buffer, content.byteOffset + content.length - 4, 4).getUint32(0, true);
  const end = content.length - 4 * (restarts + 1);
  const reader = new Varints(content);
  const handles: Handle[] = [];
  while (reader.at < end) {
    reader.next();
    const keyBytes = reader.next();
    const valueBytes = reader.next();
    reader.at += keyBytes;
    const after = reader.at + valueBytes;
    handles.push(reader.handle());
    reader.at = after;
  }
  return handles;
}

/** Numbers of seven bits a byte, the low ones first. */
class Varints {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined || scale > 2 ** 42) throw new RangeError('a number that does not end');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  handle(): Handle {
    return { offset: this.next(), size: this.next() };
  }
}
