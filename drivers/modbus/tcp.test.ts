import { describe, expect, test } from 'vitest';
import { fromHex } from './meter.testkit.ts';
import { hexText, type RegisterRange } from './registers.ts';
import { tcpFrame, tcpFraming } from './tcp.ts';

const RANGE: RegisterRange = { table: 'holding', address: 0x6b, count: 3 };
const PDU = fromHex('03 06 022b 0000 0064');

function asking(transaction: number) {
  const exchange = tcpFraming(() => transaction).ask(0x11, { kind: 'read', range: RANGE });
  const judge = (bytes: Uint8Array) => exchange.judge(bytes);
  const judged = (bytes: Uint8Array): string => {
    const { kind, ...rest } = judge(bytes);
    return 'failure' in rest ? rest.failure.code : kind;
  };
  return { frame: exchange.frame, judge, judged };
}
const answer = (transaction: number, unit = 0x11, pdu = PDU): Uint8Array => tcpFrame(transaction, unit, pdu);

describe('TCP framing', () => {
  // Registers 108 to 110: the example of MODBUS Application Protocol V1.1b3, clause 6.3.
  test('asks and takes the example of the specification', () => {
    const { frame, judge } = asking(0x1501);
    expect(hexText(frame)).toBe('1501000000061103006b0003');
    expect(judge(answer(0x1501))).toEqual({ kind: 'answer', data: fromHex('022b00000064') });
  });

  test('waits for the rest of any part', () => {
    const { judged } = asking(7);
    for (let length = 0; length < answer(7).length; length++)
      expect(judged(answer(7).subarray(0, length))).toBe('more');
  });

  test('skips a whole answer to an earlier request, and nothing more of what came', () => {
    const { judge, judged } = asking(7);
    expect(judge(Uint8Array.of(...answer(6), ...answer(7)))).toEqual({ kind: 'older', length: answer(6).length });
    expect(judged(answer(6).subarray(0, -1))).toBe('more');
    expect(asking(2).judged(answer(0xfffe))).toBe('older');
  });

  test.each([
    ['a transaction not asked for yet', answer(8), 'foreign-answer'],
    ['a protocol that is not Modbus', fromHex('0007 0001 0009 11 03 06 022b 0000 0064'), 'frame-start'],
    ['no room for a PDU', fromHex('0007 0000 0002 11 03'), 'frame-length'],
    ['longer than Modbus allows', fromHex('0007 0000 00ff 11 03'), 'frame-length'],
    ['a header that contradicts the byte count', answer(7, 0x11, fromHex('03 06 022b 0000')), 'frame-length'],
    ['the answer to a shorter request', answer(7, 0x11, fromHex('03 04 022b 0000')), 'frame-length'],
    ['another unit', answer(7, 0x12), 'wrong-address'],
    ['another table', answer(7, 0x11, fromHex('04 06 022b 0000 0064')), 'wrong-function'],
    ['an exception', answer(7, 0x11, fromHex('83 04')), 'device-exception'],
    ['busy', answer(7, 0x11, fromHex('83 06')), 'device-busy'],
    ['the same answer twice', Uint8Array.of(...answer(7), ...answer(7)), 'frame-trailing'],
    ['an exception and an answer', Uint8Array.of(...answer(7, 0x11, fromHex('83 06')), ...answer(7)), 'frame-trailing'],
    ['our answer and then a late one', Uint8Array.of(...answer(7), ...answer(6)), 'frame-trailing'],
  ])('%s', (_what, bytes, code) => {
    expect(asking(7).judged(bytes)).toBe(code);
  });
});
