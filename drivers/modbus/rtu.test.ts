import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from './meter.testkit.ts';
import { hexText, type RegisterRange } from './registers.ts';
import { crc16, rtuFrame, rtuFraming } from './rtu.ts';

describe('CRC', () => {
  test.each([
    ['the catalogue of parametrised CRC algorithms, CRC-16/MODBUS, check value', '313233343536373839', 0x4b37],
    ['MODBUS over Serial Line V1.02, appendix B: address 02, function 07', '0207', 0x1241],
    ['Eastron SDM630 protocol document: request for phase 1 volts (71 CB on the wire)', '010400000002', 0xcb71],
    ['Eastron SDM630 protocol document: the answer 230.2 V (1B 38 on the wire)', '01040443663334', 0x381b],
  ])('%s', (_source, bytes, crc) => {
    expect(crc16(fromHex(bytes))).toBe(crc);
  });

  test('goes low byte first, so that the CRC over the whole frame is 0', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 253 }), (unit, pdu) => {
        expect(crc16(rtuFrame(unit, pdu))).toBe(0);
      }),
    );
  });
});

const RANGE: RegisterRange = { table: 'input', address: 0, count: 2 };
const exchange = rtuFraming.ask(1, { kind: 'read', range: RANGE });
const GOOD = fromHex('01 04 04 43 66 33 34 1b 38');

function judged(bytes: Uint8Array): string {
  const { kind, ...rest } = exchange.judge(bytes);
  return 'failure' in rest ? rest.failure.code : kind;
}
const framed = (hex: string, unit = 1): Uint8Array => rtuFrame(unit, fromHex(hex));

describe('RTU framing', () => {
  test('asks as the document does', () => {
    expect(hexText(exchange.frame)).toBe('01040000000271cb');
  });

  test('takes the answer whole and waits for the rest of any part', () => {
    expect(exchange.judge(GOOD)).toEqual({ kind: 'answer', data: fromHex('43663334') });
    for (let length = 0; length < GOOD.length; length++) expect(judged(GOOD.subarray(0, length))).toBe('more');
  });

  test.each([
    ['a bit of the data turned', fromHex('01 04 04 43 67 33 34 1b 38'), 'frame-checksum'],
    ['CRC bytes exchanged', fromHex('01 04 04 43 66 33 34 38 1b'), 'frame-checksum'],
    ['the answer to a shorter request', framed('04 02 4366'), 'frame-length'],
    ['the answer to a longer request', framed('04 06 436633340000'), 'frame-length'],
    ['a byte count beyond the bytes that follow', framed('04 08 43663334'), 'frame-length'],
    ['another unit', framed('04 04 43663334', 2), 'wrong-address'],
    ['another table', framed('03 04 43663334'), 'wrong-function'],
    ['the echo of a write', framed('06 0001 0002'), 'wrong-function'],
    ['a function with no known length', framed('2b 0e'), 'wrong-function'],
    ['an exception to another function', framed('83 02'), 'wrong-function'],
    ['illegal data address', framed('84 02'), 'device-exception'],
    ['acknowledge', framed('84 05'), 'device-busy'],
    ['busy', framed('84 06'), 'device-busy'],
    ['one byte too many', Uint8Array.of(...GOOD, 0), 'frame-trailing'],
    ['two answers run together', Uint8Array.of(...GOOD, ...GOOD), 'frame-trailing'],
    ['an exception and the late answer after it', Uint8Array.of(...framed('84 06'), ...GOOD), 'frame-trailing'],
    ['an answer of another unit before ours', Uint8Array.of(...framed('04 04 00000000', 9), ...GOOD), 'wrong-address'],
    ['the request echoed before the answer', Uint8Array.of(...exchange.frame, ...GOOD), 'frame-length'],
  ])('%s', (_what, bytes, code) => {
    expect(judged(bytes)).toBe(code);
  });

  test('says the name of an exception', () => {
    expect(exchange.judge(framed('84 0b'))).toMatchObject({
      failure: { detail: 'exception 11 (gateway target device failed to respond)' },
    });
  });
});
