import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerFault, longFrame, parseFrame, reqUd2, sndNke } from './frame.ts';
import { hex } from './hex.ts';
import { unhex } from './mbus.testkit.ts';

function verdict(text: string): string {
  const parsed = parseFrame(unhex(text));
  if (parsed.state === 'complete') return parsed.frame.kind;
  return parsed.state === 'more' ? `more ${parsed.missing}` : parsed.failure.code;
}

describe('parseFrame', () => {
  it('knows the three kinds of frame', () => {
    expect(verdict('e5')).toBe('ack');
    expect(verdict('10 5b 01 5c 16')).toBe('short');
    expect(verdict('68 04 04 68 08 01 70 08 81 16')).toBe('long');
  });

  it('says how much is still to come', () => {
    expect(verdict('')).toBe('more 1');
    expect(verdict('10 5b')).toBe('more 3');
    expect(verdict('68')).toBe('more 8');
    expect(verdict('68 04 04 68')).toBe('more 6');
    expect(verdict('68 04 04 68 08 01 70 08 81')).toBe('more 1');
  });

  it.each([
    ['noise before the frame', '00 68 04 04 68 08 01 70 08 81 16', 'frame-start'],
    ['another second start byte', '68 04 04 69', 'frame-start'],
    ['two lengths that differ', '68 04 05', 'frame-length'],
    ['a length below C, A and CI', '68 02', 'frame-length'],
    ['no stop byte where the length says', '68 04 04 68 08 01 70 08 81 17', 'frame-length'],
    ['a wrong checksum', '68 04 04 68 08 01 70 09 81 16', 'frame-checksum'],
    ['a wrong checksum of a short frame', '10 5b 01 5d 16', 'frame-checksum'],
    ['a byte after the stop byte', '68 04 04 68 08 01 70 08 81 16 00', 'frame-trailing'],
    ['two answers run together', '68 04 04 68 08 01 70 08 81 16 68 04 04 68 08 01 70 08 81 16', 'frame-trailing'],
    ['two meters that acknowledge', 'e5 e5', 'frame-trailing'],
  ])('names %s', (_, bytes, code) => {
    expect(verdict(bytes)).toBe(code);
  });

  it('gives the same verdict however the bytes arrive: all beginnings want more, the whole is complete', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 252 }), (address, data) => {
        const bytes = longFrame(0x08, address, 0x72, data);
        for (let length = 0; length < bytes.length; length++) {
          const parsed = parseFrame(bytes.subarray(0, length));
          expect(parsed.state).toBe('more');
        }
        const whole = parseFrame(bytes);
        expect(whole).toMatchObject({ state: 'complete', frame: { address, ci: 0x72, data } });
      }),
      { numRuns: 50 },
    );
  });

  it('refuses every frame with one byte changed', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 252 }), change, (data, [place, difference]) => {
        const bytes = longFrame(0x08, 1, 0x72, data);
        const at = place % bytes.length;
        bytes[at] = bytes[at]! ^ difference;
        expect(parseFrame(bytes).state).not.toBe('complete');
      }),
    );
  });
});

describe('requests', () => {
  it('are built with address, frame count bit and checksum', () => {
    expect(hex(sndNke(1))).toBe('1040014116');
    expect(hex(reqUd2(1, true))).toBe('107b017c16');
    expect(hex(reqUd2(1, false))).toBe('105b015c16');
    expect(hex(reqUd2(250, true))).toBe('107bfa7516');
  });

  it('refuse data that one frame cannot hold', () => {
    expect(() => longFrame(0x53, 1, 0x51, new Uint8Array(253))).toThrow(RangeError);
  });
});

describe('answerFault', () => {
  const long = (control: number, address: number) =>
    ({ kind: 'long', control, address, ci: 0x72, data: new Uint8Array() }) as const;

  it('accepts the answer of the meter asked, with access demand and data flow bits', () => {
    for (const control of [0x08, 0x18, 0x28, 0x38]) expect(answerFault(long(control, 7), 7)).toBeUndefined();
    expect(answerFault(long(0x08, 7), 254)).toBeUndefined();
  });

  it('names everything else', () => {
    expect(answerFault(long(0x08, 8), 7)?.code).toBe('wrong-address');
    expect(answerFault(long(0x53, 7), 7)?.code).toBe('wrong-function');
    expect(answerFault({ kind: 'ack' }, 7)?.code).toBe('wrong-function');
    expect(answerFault({ kind: 'short', control: 0x08, address: 7 }, 7)?.code).toBe('wrong-function');
  });
});
