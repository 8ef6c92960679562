import { crc16modbus } from './crc16.ts';
import type { SimulatedMeter } from './mbus-meter.ts';
import type { RegisterImage, SimTable } from './registers.ts';

/**
 * A simulated Modbus device: answers functions 1 to 4 at its unit address in its framing, and 6 and 16 where its image can be
 * written. An address it does not have gives exception 2, as real devices do; another unit's request gives silence.
 */
export interface ModbusMeterConfig {
  readonly unit: number;
  readonly framing: 'modbus-rtu' | 'modbus-ascii' | 'modbus-tcp';
  readonly image: RegisterImage;
}

const TABLE_BY_FUNCTION: Readonly<Record<number, SimTable>> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' };
const ILLEGAL_FUNCTION = 1;
const ILLEGAL_ADDRESS = 2;
const REGISTERS_MAX = 125;
const BITS_MAX = 2000;

export function modbusMeter(config: ModbusMeterConfig): SimulatedMeter {
  switch (config.framing) {
    case 'modbus-rtu':
      return rtuMeter(config);
    case 'modbus-ascii':
      return asciiMeter(config);
    case 'modbus-tcp':
      return tcpMeter(config);
  }
}

function rtuMeter({ unit, image }: ModbusMeterConfig): SimulatedMeter {
  return (request, now) => {
    const body = request.subarray(0, -2);
    const crc = request[request.length - 2]! | (request[request.length - 1]! << 8);
    if (request.length < 4 || body[0] !== unit || crc16modbus(body) !== crc) return undefined;
    const answer = [unit, ...answerPdu(body.subarray(1), image, now)];
    const sum = crc16modbus(answer);
    return Uint8Array.of(...answer, sum & 0xff, sum >> 8);
  };
}

/** A colon, hex digits, CR LF; the sum of all bytes and the LRC is 0 (V1.02, clause 6.2.1). Apart from the driver's on purpose. */
function asciiMeter({ unit, image }: ModbusMeterConfig): SimulatedMeter {
  const sumOf = (bytes: readonly number[]): number => bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);
  return (request, now) => {
    const text = /^:((?:[0-9A-F]{2})+)\r\n$/.exec(String.fromCharCode(...request))?.[1];
    const bytes = (text?.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16));
    if (bytes.length < 3 || bytes[0] !== unit || sumOf(bytes) !== 0) return undefined;
    const answer = [unit, ...answerPdu(Uint8Array.from(bytes.slice(1, -1)), image, now)];
    const hex = [...answer, 0x100 - sumOf(answer)].map((byte) => (byte & 0xff).toString(16).padStart(2, '0'));
    return Uint8Array.from(`:${hex.join('').toUpperCase()}\r\n`, (character) => character.charCodeAt(0));
  };
}

function tcpMeter({ unit, image }: ModbusMeterConfig): SimulatedMeter {
  return (request, now) => {
    if (request.length < 8 || request[6] !== unit) return undefined;
    const pdu = answerPdu(request.subarray(7), image, now);
    const length = pdu.length + 1;
    return Uint8Array.of(request[0]!, request[1]!, 0, 0, length >> 8, length & 0xff, unit, ...pdu);
  };
}

function answerPdu(pdu: Uint8Array, image: RegisterImage, now: number): number[] {
  const code = pdu[0] ?? 0;
  const [first, second] = [(pdu[1]! << 8) | pdu[2]!, (pdu[3]! << 8) | pdu[4]!];
  const table = TABLE_BY_FUNCTION[code];
  if (table && pdu.length === 5) return readAnswer(code, table, first, second, image, now);
  const isWrite = (code === 6 && pdu.length === 5) || (code === 16 && pdu.length === 8 && second === 1);
  if (!isWrite) return [code | 0x80, ILLEGAL_FUNCTION];
  const value = code === 6 ? second : (pdu[6]! << 8) | pdu[7]!;
  return image.write(first, value, now) ? [...pdu.subarray(0, 5)] : [code | 0x80, ILLEGAL_ADDRESS];
}

function readAnswer(
  code: number,
  table: SimTable,
  first: number,
  count: number,
  image: RegisterImage,
  now: number,
): number[] {
  const isBits = code <= 2;
  const words =
    count > 0 && count <= (isBits ? BITS_MAX : REGISTERS_MAX) ? image.read(table, first, count, now) : undefined;
  if (!words) return [code | 0x80, ILLEGAL_ADDRESS];
  if (!isBits) {
    const answer = [code, words.length * 2];
    for (const word of words) answer.push(word >> 8, word & 0xff);
    return answer;
  }
  const bytes = Array<number>(Math.ceil(count / 8)).fill(0);
  for (const [at, bit] of words.entries()) bytes[at >> 3]! |= (bit & 1) << (at & 7);
  return [code, bytes.length, ...bytes];
}
