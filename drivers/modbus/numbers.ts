import { add, compare, type Decimal, decimal, decimalFromFloat, multiply, ZERO } from '../../src/core/decimal.ts';
import { type MODBUS_NUMBERS, MODBUS_REGISTERS, type ModbusOrder } from '../../src/device/model.ts';
import { hexText } from './registers.ts';

/** Registers -> exact decimals. No number passes through a binary float that the meter did not send as one. */

export type ModbusNumber = (typeof MODBUS_NUMBERS)[number];

export interface NumberFormat extends ModbusOrder {
  readonly type: ModbusNumber;
  /** The register's number times this is the value. */
  readonly factor: Decimal;
  /** Lower-case hex of the whole value, high word and byte first whatever the order: what the maker's manual prints. */
  readonly unavailable: readonly string[];
  /** Counters side by side whose sum is the value; 1 where it is left out. */
  readonly tariffs?: number;
  /** Right behind the value's registers: what is counted below one step of it. */
  readonly residual?: { readonly type: ModbusNumber; readonly factor: Decimal };
}

export type Decoded<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'invalid'; readonly why: string };

/** How many registers the value takes, all its tariffs and its residual included. */
export function registersOf({
  type,
  tariffs = 1,
  residual,
}: Pick<NumberFormat, 'type' | 'tariffs' | 'residual'>): number {
  return tariffs * MODBUS_REGISTERS[type] + (residual ? MODBUS_REGISTERS[residual.type] : 0);
}

/** @param bytes the value's registers as the wire had them, exactly as many as registersOf says */
export function decodeNumber(bytes: Uint8Array, format: NumberFormat): Decoded<Decimal> {
  const { tariffs = 1, residual } = format;
  const width = 2 * MODBUS_REGISTERS[format.type];
  let sum: Decimal | undefined;
  for (let n = 0; n < tariffs; n++) {
    const counter = decodeCounter(bytes.subarray(n * width, (n + 1) * width), format);
    if (counter.kind === 'invalid') return counter;
    sum = sum ? add(sum, counter.value) : counter.value;
  }
  const value = multiply(sum ?? ZERO, format.factor);
  return residual ? withResidual(value, bytes.subarray(tariffs * width), format, residual) : { kind: 'value', value };
}

function decodeCounter(bytes: Uint8Array, format: NumberFormat): Decoded<Decimal> {
  const ordered = highFirst(bytes, format);
  const hex = hexText(ordered);
  if (format.unavailable.includes(hex)) return invalid(`${hex} means "not available"`);
  return plainNumber(ordered, hex, format.type);
}

function withResidual(
  value: Decimal,
  bytes: Uint8Array,
  format: NumberFormat,
  { type, factor }: NonNullable<NumberFormat['residual']>,
): Decoded<Decimal> {
  const ordered = highFirst(bytes, format);
  const number = plainNumber(ordered, hexText(ordered), type);
  if (number.kind === 'invalid') return number;
  const residual = multiply(number.value, factor);
  // A residual of a whole step or more means that the two are not what the device file says.
  if (compare(residual, format.factor) >= 0) return invalid(`the residual ${hexText(ordered)} is a whole step or more`);
  return { kind: 'value', value: add(value, residual) };
}

/**
 * The standard has the high byte of a register first (V1.1b3 clause 4.2) and leaves the order of registers to the maker; some
 * makers turn the bytes too.
 */
export function highFirst(bytes: Uint8Array, { words, bytes: inRegister }: ModbusOrder): Uint8Array {
  const registers = inRegister === 'high-first' ? bytes : turnedBytes(bytes);
  if (words === 'high-first') return registers;
  const turned = new Uint8Array(registers.length);
  for (let at = 0; at < registers.length; at += 2) {
    turned.set(registers.subarray(at, at + 2), registers.length - 2 - at);
  }
  return turned;
}

/** Each register's two bytes the other way round. */
function turnedBytes(bytes: Uint8Array): Uint8Array {
  return bytes.map((_, at) => bytes[at ^ 1]!);
}

function plainNumber(ordered: Uint8Array, hex: string, type: ModbusNumber): Decoded<Decimal> {
  switch (type) {
    case 'u16':
    case 'u32':
    case 'u48':
    case 'u64':
      return { kind: 'value', value: decimal(BigInt(`0x${hex}`)) };
    case 's16':
    case 's32':
    case 's64':
      return { kind: 'value', value: decimal(BigInt.asIntN(8 * ordered.length, BigInt(`0x${hex}`))) };
    case 'bcd16':
    case 'bcd32':
    case 'bcd48':
    case 'bcd64':
      return /^\d+$/.test(hex) ? { kind: 'value', value: decimal(BigInt(hex)) } : invalid(`${hex} is not BCD`);
    case 'f32':
      return floating(view(ordered).getFloat32(0), 32, hex);
    case 'f64':
      return floating(view(ordered).getFloat64(0), 64, hex);
  }
}

function floating(value: number, width: 32 | 64, hex: string): Decoded<Decimal> {
  return Number.isFinite(value)
    ? { kind: 'value', value: decimalFromFloat(value, width) }
    : invalid(`${hex} is ${value}`);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function invalid(why: string): Decoded<never> {
  return { kind: 'invalid', why };
}
