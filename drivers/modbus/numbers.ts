import { type Decimal, decimal, decimalFromFloat, multiply } from '../../src/core/decimal.ts';
import type { MODBUS_NUMBERS, ModbusPlace } from '../../src/device/model.ts';
import { hexText } from './registers.ts';

/** Registers -> exact decimals. No number passes through a binary float that the meter did not send as one. */

export type ModbusNumber = (typeof MODBUS_NUMBERS)[number];
export type WordOrder = ModbusPlace['words'];

export interface NumberFormat {
  readonly type: ModbusNumber;
  readonly words: WordOrder;
  /** The register's number times this is the value. */
  readonly factor: Decimal;
  /** Lower-case hex of the whole value, high word first whatever the word order: what the maker's manual prints. */
  readonly unavailable: readonly string[];
}

export type Decoded<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'invalid'; readonly why: string };

export const NUMBER_REGISTERS: Record<ModbusNumber, number> = {
  u16: 1,
  s16: 1,
  bcd16: 1,
  u32: 2,
  s32: 2,
  f32: 2,
  bcd32: 2,
  u64: 4,
  s64: 4,
  f64: 4,
  bcd64: 4,
};

/** @param bytes the value's registers as the wire had them, exactly as many as the type has */
export function decodeNumber(bytes: Uint8Array, format: NumberFormat): Decoded<Decimal> {
  const ordered = highWordFirst(bytes, format.words);
  const hex = hexText(ordered);
  if (format.unavailable.includes(hex)) return invalid(`${hex} means "not available"`);
  const number = plainNumber(ordered, hex, format.type);
  return number.kind === 'invalid' ? number : { kind: 'value', value: multiply(number.value, format.factor) };
}

/** Registers keep their high byte first (V1.1b3 clause 4.2); only the order of the registers differs between makers. */
export function highWordFirst(bytes: Uint8Array, words: WordOrder): Uint8Array {
  if (words === 'high-first') return bytes;
  const turned = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += 2) turned.set(bytes.subarray(at, at + 2), bytes.length - 2 - at);
  return turned;
}

function plainNumber(ordered: Uint8Array, hex: string, type: ModbusNumber): Decoded<Decimal> {
  switch (type) {
    case 'u16':
    case 'u32':
    case 'u64':
      return { kind: 'value', value: decimal(BigInt(`0x${hex}`)) };
    case 's16':
    case 's32':
    case 's64':
      return { kind: 'value', value: decimal(BigInt.asIntN(8 * ordered.length, BigInt(`0x${hex}`))) };
    case 'bcd16':
    case 'bcd32':
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
