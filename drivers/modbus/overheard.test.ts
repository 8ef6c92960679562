import { expect, test } from 'vitest';
import { asciiFrame } from './ascii.ts';
import { fromHex } from './meter.testkit.ts';
import { overheardFrames, showRead } from './overheard.ts';
import { hexText } from './registers.ts';
import { rtuFrame } from './rtu.ts';
import { tcpFrame } from './tcp.ts';

const PDUS = ['03 006b 0003', '03 06 022b 0000 0064', '83 02', '01 0013 0013', '01 03 cd6b05', '06 8900 ffff'].map(
  fromHex,
);
const TEXTS = [
  'unit 17 is asked for holding 0x006b to 0x006d',
  'unit 17 answers registers 022b00000064',
  'unit 17 refuses function 3: exception 2 (illegal data address)',
  'unit 17 is asked for coil 0x0013 to 0x0025',
  'unit 17 answers bits cd6b05',
  'unit 17 register 0x8900 is written with ffff',
];

test.each([
  ['modbus-rtu', (pdu: Uint8Array) => rtuFrame(17, pdu)],
  ['modbus-ascii', (pdu: Uint8Array) => asciiFrame(17, pdu)],
  ['modbus-tcp', (pdu: Uint8Array) => tcpFrame(5, 17, pdu)],
] as const)('%s: requests and answers in a row, with noise between', (framing, frame) => {
  const frames = PDUS.map(frame);
  const noise = Uint8Array.of(0xff, 0xff, 0x00);
  const bytes = Uint8Array.of(
    ...frames.slice(0, 3).flatMap((each) => [...each]),
    ...noise,
    ...frames.slice(3).flatMap((each) => [...each]),
  );
  const heard = overheardFrames(bytes, framing);
  expect(heard.map(({ text }) => text)).toEqual([...TEXTS.slice(0, 3), 'no frame', ...TEXTS.slice(3)]);
  expect(heard.map((each) => hexText(each.bytes)).join('')).toBe(hexText(bytes));
  const ways = ['sent', 'received', 'received', undefined, 'sent', 'received', undefined];
  expect(heard.map(({ way }) => way)).toEqual(ways);
});

test('a request is told as one, also where it looks like an answer', () => {
  const request = { table: 'holding', address: 107, count: 3 };
  expect(showRead(rtuFrame(17, PDUS[0]!), 'modbus-rtu')).toEqual({ unit: 17, function: 3, request });
  expect(showRead(rtuFrame(17, PDUS[1]!), 'modbus-rtu')).toBeUndefined();
  const alike = rtuFrame(17, fromHex('01 03 cd6b05'));
  expect(showRead(alike, 'modbus-rtu')).toBeUndefined();
  expect(showRead(alike, 'modbus-rtu', 'sent')).toMatchObject({ request: { table: 'coil', address: 0x03cd } });
  const write = tcpFrame(5, 17, fromHex('10 0001 0001 02 1234'));
  expect(showRead(write, 'modbus-tcp')).toEqual({ unit: 17, function: 16, request: { data: '00010001021234' } });
  expect(showRead(rtuFrame(17, PDUS[0]!).subarray(1), 'modbus-rtu')).toBeUndefined();
});
