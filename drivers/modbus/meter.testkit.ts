import { type LocalTime, localTime } from '../../src/core/calendar.ts';
import { type Decimal, decimalText } from '../../src/core/decimal.ts';
import type { Session, Step } from '../../src/core/driver.ts';
import type { UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { deviceModelSchema, MODBUS_REGISTERS, type ModbusOrder } from '../../src/device/model.ts';
import { asciiFrame, parseAsciiFrame } from './ascii.ts';
import type { ModbusNumber } from './numbers.ts';
import { isBits, type Table } from './registers.ts';
import { crc16, parseRtuAnswer, rtuFrame } from './rtu.ts';
import type { ModbusTime } from './times.ts';

/** A meter made of registers, and the encoders the driver itself does not need. */

export class RegisterMeter {
  readonly #registers = new Map<string, number>();
  readonly unit: number;

  constructor(unit = 1) {
    this.unit = unit;
  }

  write(table: Table, address: number, words: readonly number[]): void {
    for (const [index, word] of words.entries()) this.#registers.set(`${table}:${address + index}`, word);
  }

  /** Called when a register was written by function 6 or 16. */
  onWrite: ((address: number, value: number) => void) | undefined;

  /** The answer PDU; registers that were never written are an illegal data address. */
  answerPdu(request: Uint8Array): Uint8Array {
    const view = new DataView(request.buffer, request.byteOffset, request.byteLength);
    const [code, address, count] = [view.getUint8(0), view.getUint16(1), view.getUint16(3)];
    const table = TABLES[code];
    if (!table) return this.#written(request, code, address, view.getUint16(request.length - 2));
    const words = Array.from({ length: count }, (_, index) => this.#registers.get(`${table}:${address + index}`));
    if (words.includes(undefined)) return Uint8Array.of(code | 0x80, 2);
    if (isBits(table)) return Uint8Array.of(code, Math.ceil(count / 8), ...packed(words));
    return Uint8Array.of(code, 2 * count, ...words.flatMap((word = 0) => [word >> 8, word & 0xff]));
  }

  #written(request: Uint8Array, code: number, address: number, value: number): Uint8Array {
    if (!this.onWrite) return Uint8Array.of(code | 0x80, 1);
    this.onWrite(address, value);
    return request.slice(0, 5);
  }

  answer(frame: Uint8Array, framing: BoundDevice['framing']): Uint8Array {
    if (framing === 'modbus-ascii') return this.ascii(frame);
    return framing === 'modbus-tcp' ? this.tcp(frame) : this.rtu(frame);
  }

  rtu(frame: Uint8Array): Uint8Array {
    return rtuFrame(this.unit, this.answerPdu(frame.subarray(1, -2)));
  }

  ascii(frame: Uint8Array): Uint8Array {
    const parsed = parseAsciiFrame(frame);
    if (parsed.kind !== 'frame') throw new Error('the request is no ASCII frame');
    return asciiFrame(this.unit, this.answerPdu(parsed.pdu));
  }

  tcp(frame: Uint8Array): Uint8Array {
    const pdu = this.answerPdu(frame.subarray(7));
    return Uint8Array.of(...frame.subarray(0, 4), 0, pdu.length + 1, this.unit, ...pdu);
  }
}

const TABLES: Readonly<Record<number, Table>> = { 1: 'coil', 2: 'discrete', 3: 'holding', 4: 'input' };

/** Bits into bytes, the first the lowest; the bits that fill up the last byte are set, since they mean nothing. */
function packed(bits: readonly (number | undefined)[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8)).fill(0xff);
  for (const [at, bit] of bits.entries()) if (!bit) bytes[at >> 3]! &= ~(1 << (at & 7));
  return bytes;
}

export interface Dialogue {
  readonly end: Step;
  /** What was asked: `input 72+4`. */
  readonly requests: readonly string[];
}

/** Runs a session against `answer`; an empty answer is silence. Fails when the dialogue does not end. */
export function converse(session: Session, answer: (frame: Uint8Array) => Uint8Array): Dialogue {
  const requests: string[] = [];
  let step = session.start();
  for (let turn = 0; turn < 2_000; turn++) {
    if (step.kind === 'read' || step.kind === 'missed') return { end: step, requests };
    if (step.kind === 'send') {
      requests.push(requestText(step.bytes));
      const bytes = answer(step.bytes);
      step = bytes.length > 0 ? session.received(bytes) : session.silent();
    } else {
      step = session.silent();
    }
  }
  throw new Error('the dialogue does not end');
}

/** `input 72+4`, or `write 35072:=7`. */
function requestText(frame: Uint8Array): string {
  const pdu = pduOf(frame);
  const view = new DataView(pdu.buffer, pdu.byteOffset, pdu.byteLength);
  const table = TABLES[view.getUint8(0)];
  return table
    ? `${table} ${view.getUint16(1)}+${view.getUint16(3)}`
    : `write ${view.getUint16(1)}:=${view.getUint16(pdu.length - 2)}`;
}

function pduOf(frame: Uint8Array): Uint8Array {
  if (frame[0] === 0x3a) {
    const parsed = parseAsciiFrame(frame);
    if (parsed.kind === 'frame') return parsed.pdu;
  }
  if (crc16(frame) === 0) return frame.subarray(1, -2);
  return frame.subarray(7);
}

/** A device as the site and its device file give it; `model` and `config` say what matters to the test. */
export function modbusDevice(
  model: Record<string, unknown>,
  config: Partial<BoundDevice['config']> = {},
  framing: BoundDevice['framing'] = 'modbus-rtu',
): BoundDevice {
  const checked = deviceModelSchema.parse({
    maker: 'Example',
    model: 'Made by hand',
    medium: 'gas',
    protocol: 'modbus',
    hardwareTested: false,
    source: 'made by hand',
    tests: [{ name: 'none', source: 'none', now: 'none', expect: [{ quantity: 'pressure', value: '0', unit: 'bar' }] }],
    ...model,
  });
  const base = { id: 'meter', model: 'example/made', line: 'line', address: 1, multiplier: [], blocks: {} };
  return { config: { ...base, ...config }, model: checked, framing, zone: 'Europe/Prague' };
}

const HIGH_FIRST: ModbusOrder = { words: 'high-first', bytes: 'high-first' };

/** @param value a whole number for the integer and BCD types */
export function encodeNumber(value: Decimal, type: ModbusNumber, order: Partial<ModbusOrder> = HIGH_FIRST): number[] {
  const bits = 16 * MODBUS_REGISTERS[type];
  const whole = type.startsWith('bcd') ? BigInt(`0x${decimalText(value)}`) : encodeBinary(value, type, bits);
  const words = Array.from({ length: bits / 16 }, (_, index) =>
    Number((BigInt.asUintN(bits, whole) >> BigInt(bits - 16 * (index + 1))) & 0xffffn),
  );
  const registers = order.bytes === 'low-first' ? words.map((word) => ((word & 0xff) << 8) | (word >> 8)) : words;
  return order.words === 'low-first' ? registers.reverse() : registers;
}

function encodeBinary(value: Decimal, type: ModbusNumber, bits: number): bigint {
  if (!type.startsWith('f')) return BigInt(decimalText(value));
  const view = new DataView(new ArrayBuffer(8));
  if (bits === 32) view.setFloat32(0, Number(decimalText(value)));
  else view.setFloat64(0, Number(decimalText(value)));
  return bits === 32 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** What a meter in `zone` writes for an instant; zone `UTC` is a clock that runs on UTC. */
export function encodeTime(at: UtcMs, type: ModbusTime, zone = 'Europe/Prague'): number[] {
  if (type === 'unix-u32') return [Math.floor(at / 1000 / 0x10000), (at / 1000) % 0x10000];
  return encodeLocal(localTime(at, zone), type);
}

export function encodeLocal(local: LocalTime, type: 'local-words6' | 'local-bcd3'): number[] {
  const { year, month, day, hour, minute, second } = local;
  if (type === 'local-words6') return [year, month, day, hour, minute, second];
  const pairs = [year % 100, month, day, hour, minute, second].map((two) => String(two).padStart(2, '0')).join('');
  return [0, 4, 8].map((start) => Number.parseInt(pairs.slice(start, start + 4), 16));
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function wordBytes(words: readonly number[]): Uint8Array {
  return Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff]));
}

/** True for a frame that a correct meter on a serial line could have sent. */
export function isGoodSerial(bytes: Uint8Array, framing: 'modbus-rtu' | 'modbus-ascii'): boolean {
  const parsed = framing === 'modbus-rtu' ? parseRtuAnswer(bytes) : parseAsciiFrame(bytes);
  return parsed.kind === 'frame' && parsed.length === bytes.length;
}
