import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asciiFrame, asciiFraming, lrc, parseAsciiFrame } from './ascii.ts';
import { fromHex } from './meter.testkit.ts';

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
const bytes = (characters: string): Uint8Array => Uint8Array.from(characters, (each) => each.charCodeAt(0));
const exchange = asciiFraming.ask(0x11, { kind: 'read', range: { table: 'holding', address: 0x6b, count: 3 } });

function judged(characters: string): string {
  const { kind, ...rest } = exchange.judge(bytes(characters));
  return 'failure' in rest ? rest.failure.code : kind;
}

describe('LRC', () => {
  test('added to the bytes it guards gives 0 (V1.02, clause 6.2.1)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 254 }), (body) => {
        expect((body.reduce((sum, byte) => sum + byte, 0) + lrc(body)) & 0xff).toBe(0);
      }),
    );
  });
});

describe('ASCII framing', () => {
  // Registers 108 to 110: the example of MODBUS Application Protocol V1.1b3, clause 6.3, put into this framing by hand.
  const GOOD = ':110306022B0000006455\r\n';

  test('asks and takes the example of the specification', () => {
    expect(text(exchange.frame)).toBe(':1103006B00037E\r\n');
    expect(exchange.judge(bytes(GOOD))).toEqual({ kind: 'answer', data: fromHex('022b00000064') });
  });

  test('waits for the rest of any part', () => {
    for (let length = 0; length < GOOD.length; length++) expect(judged(GOOD.slice(0, length))).toBe('more');
  });

  test.each([
    ['something before the colon', `1${GOOD}`, 'frame-start'],
    ['small letters', GOOD.toLowerCase(), 'frame-checksum'],
    ['a second colon inside', `:1103${GOOD}`, 'frame-checksum'],
    ['a digit that changed', GOOD.replace('64', '65'), 'frame-checksum'],
    ['half a byte', GOOD.replace('55\r', '5\r'), 'frame-length'],
    ['next to nothing', ':11EF\r\n', 'frame-length'],
    ['CR without LF', `${GOOD.slice(0, -1)}:`, 'frame-length'],
    ['no end', `:${'00'.repeat(256)}`, 'frame-length'],
    ['two answers run together', GOOD + GOOD, 'frame-trailing'],
    ['another unit', text(asciiFrame(0x12, fromHex('03 06 022b00000064'))), 'wrong-address'],
    ['another function', text(asciiFrame(0x11, fromHex('04 06 022b00000064'))), 'wrong-function'],
    ['too few registers', text(asciiFrame(0x11, fromHex('03 04 022b0000'))), 'frame-length'],
    ['a byte count that contradicts the frame', text(asciiFrame(0x11, fromHex('03 06 022b0000'))), 'frame-length'],
    ['an exception', text(asciiFrame(0x11, fromHex('83 02'))), 'device-exception'],
  ])('%s is %s', (_what, characters, code) => {
    expect(judged(characters)).toBe(code);
  });

  test('every frame is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 247 }), fc.uint8Array({ minLength: 2, maxLength: 253 }), (unit, pdu) => {
        const frame = asciiFrame(unit, pdu);
        expect(parseAsciiFrame(frame)).toEqual({ kind: 'frame', unit, pdu, length: frame.length });
      }),
    );
  });
});
