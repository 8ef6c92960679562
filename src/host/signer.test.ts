import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { hostCodec } from './signer.ts';

const codec = hostCodec();

function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, n) => n * n);
}

test.each([0, 1, 255, 256, 257, 131_072, 131_073, 400_000])('%s bytes are unpacked as they were', (length) => {
  const bytes = bytesOf(length);
  expect(codec.gunzip(codec.gzip(bytes), Math.max(1, length))).toEqual(bytes);
});

test('what is longer than allowed, cut off or no gzip is not unpacked', () => {
  const packed = codec.gzip(bytesOf(1_000));
  expect(codec.gunzip(packed, 999)).toBeUndefined();
  expect(codec.gunzip(packed.subarray(0, -5), 1_000)).toBeUndefined();
  expect(codec.gunzip(packed.subarray(0, 3), 1_000)).toBeUndefined();
  expect(codec.gunzip(bytesOf(1_000), 1_000)).toBeUndefined();
});

test('the length that is said is not believed', () => {
  for (const said of [0, 999, 1_001, 0xffff_ffff]) {
    const packed = new Uint8Array(gzipSync(bytesOf(1_000)));
    new DataView(packed.buffer).setUint32(packed.length - 4, said, true);
    expect(codec.gunzip(packed, 1_000_000)).toBeUndefined();
  }
  // Two members are one text; the last one says its own length only.
  const two = new Uint8Array([...gzipSync(bytesOf(100_000)), ...gzipSync(bytesOf(10))]);
  expect(codec.gunzip(two, 1_000_000)).toEqual(new Uint8Array([...bytesOf(100_000), ...bytesOf(10)]));
  expect(codec.gunzip(two, 100_000)).toBeUndefined();
});
