import { describe, expect, it } from 'vitest';
import { longFrame } from './frame.ts';
import { answer, unhex } from './mbus.testkit.ts';
import { type ShownRecord, showTelegram } from './show.ts';
import { decodeTelegram } from './telegram.ts';

function shown(records: string): ShownRecord | undefined {
  const decoded = decodeTelegram(answer(records));
  if (!decoded.ok) throw new Error(decoded.failure.detail);
  return showTelegram(decoded.telegram).records[0];
}

describe('a telegram as JSON', () => {
  // EN 13757-3:2018 annex A: type F has its summer bit at bit 16, type I at bit 7; types G and J have none.
  it.each([
    ['type F, summer', '04 6d 00 a6 7c 33', { time: '2027-03-28T06:00', summer: true }],
    ['type F, winter', '04 6d 00 26 7c 33', { time: '2027-03-28T06:00', summer: false }],
    ['type I, summer', '06 6d 45 00 06 7c 33 00', { time: '2027-03-28T06:00:05', summer: true }],
    ['type I, winter', '06 6d 05 00 06 7c 33 00', { time: '2027-03-28T06:00:05', summer: false }],
  ])('tells the summer bit: %s', (_, bytes, expected) => {
    expect(shown(bytes)).toMatchObject({ value: expected.time, unit: '', ...expected });
  });

  it('tells none where the coding has none', () => {
    expect(shown('02 6c 7c 33')).toMatchObject({ time: '2027-03-28' });
    expect(shown('02 6c 7c 33')).not.toHaveProperty('summer');
    expect(shown('03 6d 05 00 06')).toMatchObject({ time: '06:00:05' });
    expect(shown('03 6d 05 00 06')).not.toHaveProperty('summer');
    expect(shown('0c 13 01 00 00 00')).not.toHaveProperty('summer');
  });

  it('tells the invalid bit: no value, and why', () => {
    const invalid = { value: null, time: null, invalid: 'time marked invalid' };
    expect(shown('04 6d 80 26 7c 33')).toMatchObject(invalid);
    expect(shown('06 6d 05 80 06 7c 33 00')).toMatchObject(invalid);
    expect(shown('02 6c ff ff')).toMatchObject({ value: null, time: null, invalid: 'date marked invalid' });
  });

  it('tells a version and a storage number of 0', () => {
    const decoded = decodeTelegram(answer('0c 78 78 56 04 00', '78 56 34 00 2d 2c 00 03 00 00 00 00'));
    expect(decoded.ok && showTelegram(decoded.telegram)).toMatchObject({
      id: '00345678',
      version: 0,
      status: 0,
      records: [{ quantity: 'fabrication-number', value: '00045678', unit: '', storage: 0 }],
    });
  });
});

describe('only an answer with data (RSP_UD, EN 13757-2) is read', () => {
  const records = unhex('78 56 34 12 2d 2c 01 03 2a 00 00 00 0c 13 27 04 85 02');

  it.each([0x08, 0x18, 0x28, 0x38])('control field %i: access demand and flow control change nothing', (control) => {
    expect(decodeTelegram(longFrame(control, 1, 0x72, records)).ok).toBe(true);
  });

  it.each([
    [0x53, 'SND_UD'],
    [0x73, 'SND_UD'],
    [0x5b, 'REQ_UD2'],
    [0x7a, 'REQ_UD1'],
    [0x40, 'SND_NKE'],
    [0x48, 'not in the standard'],
    [0x88, 'not in the standard'],
    [0x0b, 'RSP_SKE'],
    [0x00, 'ACK'],
  ])('control field %i is refused as %s', (control, name) => {
    const decoded = decodeTelegram(longFrame(control, 1, 0x72, records));
    expect(decoded).toMatchObject({ ok: false, failure: { code: 'wrong-function' } });
    expect(decoded.ok ? '' : decoded.failure.detail).toContain(name);
  });

  it('names short frames', () => {
    const decoded = decodeTelegram(unhex('10 7b 01 7c 16'));
    expect(decoded.ok ? '' : decoded.failure.detail).toContain('REQ_UD2');
  });
});
