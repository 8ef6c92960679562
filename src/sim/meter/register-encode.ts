import { localTime } from '../../core/calendar.ts';
import { type Decimal, decimal, decimalText, divide, multiply, subtract } from '../../core/decimal.ts';
import type { UtcMs } from '../../core/time.ts';
import type { ModbusOrder, ModbusPlace } from '../../device/model.ts';

/** Numbers and times as a meter writes them into registers. Apart from the driver's decoder on purpose. */

type NumberOrTime = ModbusPlace['type'];

/** @param steps the value in steps of the register. @returns registers, most significant word and byte first */
export function encodeNumber(steps: Decimal, type: NumberOrTime): number[] {
  const bits = Number(/\d+$/.exec(type)?.[0]);
  if (type.startsWith('f')) return floatWords(Number(decimalText(steps)), bits);
  const whole = wholeOf(steps).coefficient;
  const pattern = type.startsWith('bcd') ? BigInt(`0x${whole}`) : BigInt.asUintN(bits, whole);
  return Array.from({ length: bits / 16 }, (_, n) => Number((pattern >> BigInt(bits - 16 * (n + 1))) & 0xffffn));
}

/** What is left of the value below a whole step, in steps of the residual. */
export function residualOf(steps: Decimal, factor: Decimal, residualFactor: Decimal): Decimal {
  const rest = multiply(subtract(steps, wholeOf(steps)), factor);
  return divide(rest, residualFactor, 0, 'floor');
}

function wholeOf(value: Decimal): Decimal {
  return divide(value, decimal(1), 0, 'floor');
}

function floatWords(value: number, bits: number): number[] {
  const view = new DataView(new ArrayBuffer(bits / 8));
  if (bits === 32) view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return Array.from({ length: bits / 16 }, (_, n) => view.getUint16(n * 2));
}

export function encodeTime(at: UtcMs, type: NumberOrTime, zone: string): number[] {
  if (type === 'unix-u32') return encodeNumber(decimal(Math.floor(at / 1000)), 'u32');
  const { year, month, day, hour, minute, second } = localTime(at, zone);
  if (type === 'local-words6') return [year, month, day, hour, minute, second];
  const bcd = (high: number, low: number) =>
    Number.parseInt(`${high}`.padStart(2, '0') + `${low}`.padStart(2, '0'), 16);
  return [bcd(year % 100, month), bcd(day, hour), bcd(minute, second)];
}

/** As the device sends them. Local times are rows of fields: their words stay where they are. */
export function inOrder(highFirst: number[], type: NumberOrTime, { words, bytes }: ModbusOrder): number[] {
  const registers = bytes === 'low-first' ? highFirst.map((word) => ((word & 0xff) << 8) | (word >> 8)) : highFirst;
  return words === 'low-first' && !type.startsWith('local-') ? registers.toReversed() : registers;
}
