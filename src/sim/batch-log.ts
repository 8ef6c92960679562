import crc32c from 'crc-32/crc32c.js';
import type { StoreOp } from '../machine/store.ts';

/**
 * Batches as bytes of a log, for what a power cut leaves of those that are not synced. One record to a batch:
 *
 *   length u32 | CRC32C u32 | for each write: kind u8 | length of the key u32 | key, UTF-8 | length of the value u32 | value
 *
 * Numbers are big-endian; a deletion has no value. LevelDB frames its batches likewise, and drops like this log a torn one whole.
 */
const HEADER_LENGTH = 8;
const PUT = 1;
const DELETE = 2;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeBatch(ops: readonly StoreOp[]): Uint8Array {
  const parts = ops.map((op) => ({ op, key: encoder.encode(op.key) }));
  const length = parts.reduce(
    (sum, { op, key }) => sum + 5 + key.length + (op.kind === 'put' ? 4 + op.value.length : 0),
    0,
  );
  const record = new Uint8Array(HEADER_LENGTH + length);
  const view = new DataView(record.buffer);
  let at = HEADER_LENGTH;
  const add = (bytes: Uint8Array) => {
    view.setUint32(at, bytes.length);
    record.set(bytes, at + 4);
    at += 4 + bytes.length;
  };
  for (const { op, key } of parts) {
    view.setUint8(at++, op.kind === 'put' ? PUT : DELETE);
    add(key);
    if (op.kind === 'put') add(op.value);
  }
  view.setUint32(0, length);
  view.setUint32(4, checksum(record.subarray(HEADER_LENGTH)));
  return record;
}

/** The batches up to the first record that is not whole. */
export function decodeBatches(log: Uint8Array): StoreOp[][] {
  const view = new DataView(log.buffer, log.byteOffset, log.byteLength);
  const batches: StoreOp[][] = [];
  let at = 0;
  while (at + HEADER_LENGTH <= log.length) {
    const length = view.getUint32(at);
    const payload = log.subarray(at + HEADER_LENGTH, at + HEADER_LENGTH + length);
    // Zeros are no record, though the checksum of nothing is zero.
    const isWhole = length > 0 && payload.length === length && checksum(payload) === view.getUint32(at + 4);
    if (!isWhole) break;
    batches.push(decodeOps(payload));
    at += HEADER_LENGTH + length;
  }
  return batches;
}

function decodeOps(payload: Uint8Array): StoreOp[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const ops: StoreOp[] = [];
  let at = 0;
  const take = () => {
    const from = at + 4;
    at = from + view.getUint32(at);
    return payload.subarray(from, at);
  };
  while (at < payload.length) {
    const kind = view.getUint8(at++);
    const key = decoder.decode(take());
    ops.push(kind === PUT ? { kind: 'put', key, value: take().slice() } : { kind: 'delete', key });
  }
  return ops;
}

function checksum(payload: Uint8Array): number {
  return crc32c.buf(payload) >>> 0;
}
