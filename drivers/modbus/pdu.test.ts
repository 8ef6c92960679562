import { describe, expect, test } from 'vitest';
import { fromHex } from './meter.testkit.ts';
import { type Ask, judgeAnswerPdu, requestPdu } from './pdu.ts';
import { hexText, type Table } from './registers.ts';

const read = (table: Table, address: number, count: number): Ask => ({
  kind: 'read',
  range: { table, address, count },
});

function judged(answer: string, ask: Ask): string {
  const result = judgeAnswerPdu(fromHex(answer), ask);
  return result.kind === 'answer' ? hexText(result.data) : result.failure.code;
}

/** The examples of MODBUS Application Protocol V1.1b3, each under its clause. */
describe('the examples of the specification', () => {
  test('6.1: coils 20 to 38, the first the lowest bit of the first byte', () => {
    const ask = read('coil', 0x13, 0x13);
    expect(hexText(requestPdu(ask))).toBe('0100130013');
    const bits = '1011001111010110101'.split('').map((bit) => `000${bit}`);
    expect(judged('01 03 cd 6b 05', ask)).toBe(bits.join(''));
  });

  test('6.2: discrete inputs 197 to 218', () => {
    const ask = read('discrete', 0xc4, 0x16);
    expect(hexText(requestPdu(ask))).toBe('0200c40016');
    expect(judged('02 03 ac db 35', ask)).toMatch(/^(000[01]){22}$/);
  });

  test('6.6: a single register is written and echoed', () => {
    const ask: Ask = { kind: 'select', address: 1, record: 3, code: 6 };
    expect(hexText(requestPdu(ask))).toBe('0600010003');
    expect(judged('06 0001 0003', ask)).toBe('');
  });

  test('6.12: a row of registers, here of length one', () => {
    const ask: Ask = { kind: 'select', address: 1, record: 0x102, code: 16 };
    expect(hexText(requestPdu(ask))).toBe('1000010001020102');
    expect(judged('10 0001 0001', ask)).toBe('');
  });
});

describe('refused', () => {
  test.each([
    ['a byte too few', '01 02 cd 6b', 'frame-length'],
    ['the other table', '02 03 cd 6b 05', 'wrong-function'],
    ['registers', '03 03 cd 6b 05', 'wrong-function'],
    ['an exception', '81 02', 'device-exception'],
  ])('bits: %s', (_what, answer, code) => {
    expect(judged(answer, read('coil', 0x13, 0x13))).toBe(code);
  });

  test.each([
    ['another value', '06 0001 0004', 'foreign-answer'],
    ['another register', '06 0002 0003', 'foreign-answer'],
    ['the other write function', '10 0001 0001', 'wrong-function'],
    ['the answer to a read', '03 02 0003', 'wrong-function'],
    ['one byte more', '06 0001 0003 00', 'frame-length'],
    ['a refusal', '86 01', 'device-exception'],
    ['busy', '86 06', 'device-busy'],
  ])('the echo of a write: %s', (_what, answer, code) => {
    expect(judged(answer, { kind: 'select', address: 1, record: 3, code: 6 })).toBe(code);
  });
});
