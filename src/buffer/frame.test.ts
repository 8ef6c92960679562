import crc32c from 'crc-32/crc32c.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isDamage, openRow, sealRow } from './frame.ts';

describe('CRC32C', () => {
  // RFC 3720 B.4 gives these test vectors (iSCSI writes the bytes in the opposite order).
  it.each([
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes rising', Uint8Array.from({ length: 32 }, (_, n) => n), 0x46dd794e],
    ['32 bytes falling', Uint8Array.from({ length: 32 }, (_, n) => 31 - n), 0x113fdb5c],
    ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
  ])('%s', (_, bytes, expected) => {
    expect(crc32c.buf(bytes) >>> 0).toBe(expected);
  });
});

describe('a stored row', () => {
  const key = 'r/corrector/volume.base/2026-03-28T05:00:00.000Z/stored';

  it('comes back as it went in', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat({ max: 2 ** 48 - 1 }), fc.jsonValue(), (anyKey, sequence, value) => {
        const payload: unknown = JSON.parse(JSON.stringify(value));
        const bytes = sealRow(anyKey, sequence, payload);
        const padded = new Uint8Array(bytes.length + 7);
        padded.set(bytes, 7);
        expect(openRow(anyKey, padded.subarray(7))).toMatchObject({ sequence, payload });
      }),
    );
  });

  it.each([1, 5_000, 5_459, 5_460, 20_000])(
    'comes back with %d letters of three bytes, and those before it stay',
    (length) => {
      const short = sealRow(key, 1, 'š');
      const long = sealRow(key, 2, '€'.repeat(length));
      expect(openRow(key, long)).toMatchObject({ payload: '€'.repeat(length) });
      expect(openRow(key, short)).toMatchObject({ payload: 'š' });
    },
  );

  it('shows every flipped bit, cut and addition', () => {
    const bytes = sealRow(key, 7, ['c', '12345.678', 'm3']);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(isDamage(openRow(key, flipped)), `bit ${bit}`).toBe(true);
    }
    for (let length = 0; length < bytes.length; length++)
      expect(isDamage(openRow(key, bytes.subarray(0, length))), `${length} bytes`).toBe(true);
    expect(isDamage(openRow(key, Uint8Array.of(...bytes, 0)))).toBe(true);
  });

  it('is damaged under any other key', () => {
    const bytes = sealRow(key, 7, ['c', '12345.678', 'm3']);
    expect(openRow(`${key}~2`, bytes)).toMatchObject({ key: `${key}~2`, detail: expect.stringMatching(/^checksum/) });
  });
});
