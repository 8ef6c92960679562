import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decimalText } from '../../src/core/decimal.ts';
import { aes128Decrypt } from '../../src/host/cipher.ts';
import { converse } from './bus.testkit.ts';
import { longFrame } from './frame.ts';
import { mbusDriver } from './index.ts';
import { boundDevice, unhex } from './mbus.testkit.ts';
import { decodeTelegram } from './telegram.ts';

/**
 * OMS specification, volume 2, annex N.1.1: gas meter ELS 12345678, version 51, key and telegram as published. There it has a
 * radio link layer and a short header; the vector is made of the same fields, which on a wire stand in the long header.
 */
const KEY = unhex('01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 11');
const HEADER = '78 56 34 12 93 15 33 03 2a 00 20 05';
const CIPHER = '59 23 c9 5a aa 26 d1 b2 e7 49 3b 01 3e c4 a6 f6 d3 52 9b 52 0e df f0 ea 6d ef c9 9d 6d 69 eb f3';
const decrypt = aes128Decrypt(KEY);

function sent(content: string, ci = 0x72): Uint8Array {
  return longFrame(0x08, 1, ci, unhex(content));
}

function values(bytes: Uint8Array, open = decrypt): string[] | string {
  const decoded = decodeTelegram(bytes, open);
  if (!decoded.ok) return decoded.failure.code;
  return decoded.telegram.records.map(({ value, unit }) =>
    value.kind === 'number' ? `${decimalText(value.number)} ${unit}`.trim() : value.kind,
  );
}

/** Own vector: the same header, any plain text of whole blocks under any key. */
function enciphered(plain: Uint8Array, key: Uint8Array): string {
  const iv = unhex('93 15 78 56 34 12 33 03 2a 2a 2a 2a 2a 2a 2a 2a');
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString('hex');
}

describe('security mode 5 (EN 13757-7:2018, 7.6)', () => {
  it('opens the published telegram', () => {
    expect(values(sent(`${HEADER} ${CIPHER}`))).toEqual(['28504.27 m3', 'time', '0']);
  });

  it('reads what stands plain behind the encrypted blocks', () => {
    expect(values(sent(`${HEADER} ${CIPHER} 0c 13 01 00 00 00`))).toEqual(['28504.27 m3', 'time', '0', '0.001 m3']);
  });

  it('refuses by name without the key, with another key, and with a bit changed', () => {
    const telegram = sent(`${HEADER} ${CIPHER}`);
    const without = decodeTelegram(telegram);
    expect(without.ok ? '' : without.failure.code).toBe('telegram-encrypted');
    for (let n = 0; n < 50; n++) expect(values(telegram, aes128Decrypt(randomBytes(16)))).toBe('telegram-key-wrong');
    expect(values(sent(`${HEADER} ${CIPHER.replace('59', '58')}`))).toBe('telegram-key-wrong');
    // The manufacturer is part of the vector.
    expect(values(sent(`${HEADER.replace('93', '92')} ${CIPHER}`))).toBe('telegram-key-wrong');
  });

  it('refuses a length that the telegram does not have, and no length', () => {
    expect(values(sent(`${HEADER.replace('20 05', '30 05')} ${CIPHER}`))).toBe('frame-length');
    expect(values(sent(`${HEADER.replace('20 05', '00 05')} ${CIPHER}`))).toBe('frame-unsupported');
  });

  it('refuses a record that runs over the end, also behind the right key', () => {
    const plain = unhex('2f 2f 0d 78 20 00 00 00 00 00 00 00 00 00 00 00');
    const key = randomBytes(16);
    const telegram = sent(`${HEADER.replace('20 05', '10 05')} ${enciphered(plain, key)}`);
    expect(values(telegram, aes128Decrypt(key))).toBe('frame-length');
  });

  it('refuses the short header, which lacks what the vector is made of', () => {
    expect(values(sent(`2a 00 20 05 ${CIPHER}`, 0x7a))).toBe('frame-unsupported');
  });

  it.each([1, 2, 3, 4, ...Array.from({ length: 26 }, (_, n) => n + 6)])(
    'names mode %i, which it does not open',
    (mode) => {
      const header = HEADER.replace('20 05', `20 ${mode.toString(16).padStart(2, '0')}`);
      const decoded = decodeTelegram(sent(`${header} ${CIPHER}`), decrypt);
      expect(decoded).toMatchObject({ ok: false, failure: { code: 'frame-unsupported' } });
      expect(decoded.ok ? '' : decoded.failure.detail).toContain(`security mode ${mode}`);
    },
  );
});

describe('a meter with a key', () => {
  const VOLUME = { quantity: 'volume.base', unit: 'm3', kind: 'counter', mbus: { value: 'volume' } };
  const read = (told: Uint8Array, model = {}, hasKey = true, readings: readonly object[] = [VOLUME]) => {
    const device = { ...boundDevice(readings, { model }), ...(hasKey && { decrypt }) };
    const bus = (request: Uint8Array) => (request[1] === 0x40 ? unhex('e5') : told);
    const { end } = converse(mbusDriver.session(device, { want: 'current', now: 1_774_674_000_000 }), bus);
    return end.kind === 'missed' ? end.failure.code : end.kind;
  };
  const PLAIN = [
    sent(`${HEADER.replace('20 05', '00 00')} 0c 13 27 04 85 02`),
    sent('2a 00 00 00 0c 13 27 04 85 02', 0x7a),
    sent('0c 13 27 04 85 02', 0x78),
  ];

  it('is believed only when it encrypts', () => {
    expect(read(sent(`${HEADER} ${CIPHER}`))).toBe('read');
    for (const telegram of PLAIN) expect(read(telegram)).toBe('telegram-plain');
  });

  it('is believed in plain where its device file says so, and without a key', () => {
    for (const telegram of PLAIN) {
      expect(read(telegram, { mbus: { alsoPlain: true } })).toBe('read');
      expect(read(telegram, {}, false)).toBe('read');
    }
  });

  /** One block, and a record that begins in it and ends behind it. */
  const astride = (() => {
    const plain = unhex('2f 2f 0c 13 27 04 85 02 2f 2f 2f 2f 2f 2f 0c 13');
    return `${HEADER.replace('20 05', '10 05')} ${enciphered(plain, KEY)} 01 00 00 00`;
  })();
  const SECOND = { ...VOLUME, quantity: 'volume.base.total', mbus: { value: 'volume', storage: 1 } };

  it('is not believed in what follows its encrypted blocks: anybody can append it', () => {
    const appended = sent(`${HEADER} ${CIPHER} 4c 13 01 00 00 00`);
    expect(read(appended)).toBe('read');
    expect(read(appended, {}, true, [VOLUME, SECOND])).toBe('telegram-plain');
    expect(read(appended, { mbus: { alsoPlain: true } }, true, [VOLUME, SECOND])).toBe('read');
    // Nor does it make ambiguous what stands in them.
    expect(read(sent(`${HEADER} ${CIPHER} 0c 13 01 00 00 00`))).toBe('read');
    expect(read(sent(astride))).toBe('read');
    expect(read(sent(astride), { mbus: { alsoPlain: true } })).toBe('value-ambiguous');
  });

  it('lacks what it does not send at all, as any other meter', () => {
    expect(read(sent(`${HEADER} ${CIPHER}`), {}, true, [VOLUME, SECOND])).toBe('value-missing');
  });
});
