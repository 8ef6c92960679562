import { parseDecimal } from '../../src/core/decimal.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { MODBUS_REGISTERS, type ModbusOrder, type ModbusPlace } from '../../src/device/model.ts';
import { type ModbusNumber, type NumberFormat, registersOf } from './numbers.ts';
import { endOf, type RegisterRange, rangeText, type Table } from './registers.ts';
import { isModbusTime, type ModbusTime, type TimeFormat } from './times.ts';

/**
 * The device file's places with what the site decides about them: where blocks stand, and the word order. Everything here throws
 * RangeError when files contradict each other or the protocol, before a byte is sent.
 */

export interface PlacedNumber extends NumberFormat {
  readonly range: RegisterRange;
}

export interface PlacedTime extends TimeFormat {
  readonly range: RegisterRange;
}

/** The format of a number: what a device file says of it, wherever it stands. */
export type NumberSpec = Pick<ModbusPlace, 'factor'> &
  Partial<Pick<ModbusPlace, 'unavailable' | 'tariffs' | 'residual'>> &
  ModbusOrder;

export function placeNumber(device: BoundDevice, place: ModbusPlace): PlacedNumber {
  if (isModbusTime(place.type)) throw new RangeError(`a value cannot have the time type ${place.type}`);
  const format = numberFormat(device, place.type, place);
  return { ...format, range: placeRange(place.table, addressOf(device, place), registersOf(format)) };
}

export function placeTime(device: BoundDevice, place: ModbusPlace): PlacedTime {
  if (!isModbusTime(place.type)) throw new RangeError(`a time cannot have the number type ${place.type}`);
  const range = placeRange(place.table, addressOf(device, place), MODBUS_REGISTERS[place.type]);
  return { ...timeFormat(device, place.type, place), range };
}

export function numberFormat(device: BoundDevice, type: ModbusNumber, spec: NumberSpec): NumberFormat {
  const unavailable = spec.unavailable ?? [];
  const digits = 4 * MODBUS_REGISTERS[type];
  for (const pattern of unavailable) {
    // A pattern of another length would never match, and the placeholder would pass as a value.
    if (pattern.length !== digits) {
      throw new RangeError(`the pattern "${pattern}" is not as long as the type ${type} (${digits} hex digits)`);
    }
  }
  const { residual } = spec;
  return {
    type,
    ...orderOf(device, spec),
    factor: parseDecimal(spec.factor),
    unavailable,
    tariffs: spec.tariffs ?? 1,
    ...(residual && { residual: { type: residual.type, factor: parseDecimal(residual.factor) } }),
  };
}

export function timeFormat(device: BoundDevice, type: ModbusTime, order: ModbusOrder): TimeFormat {
  return { type, ...orderOf(device, order) };
}

/** The site's word order holds for the whole device. */
function orderOf(device: BoundDevice, { words, bytes }: ModbusOrder): ModbusOrder {
  return { words: device.config.words ?? words, bytes };
}

export function placeRange(table: Table, address: number, count: number): RegisterRange {
  const range = { table, address, count };
  if (endOf(range) > 0x10000) throw new RangeError(`${rangeText(range)} is beyond the last register 0xffff`);
  return range;
}

/** Where the site placed a block. */
export function blockAddress(device: BoundDevice, block: string): number {
  const address = device.config.blocks[block];
  if (address === undefined) {
    throw new RangeError(`device ${device.config.id}: the site file must say where block "${block}" stands`);
  }
  return address;
}

export function addressOf(device: BoundDevice, place: Pick<ModbusPlace, 'address' | 'block' | 'offset'>): number {
  if (place.block === undefined) {
    if (place.address === undefined) throw new RangeError('a place has neither an address nor a block');
    return place.address;
  }
  return blockAddress(device, place.block) + (place.offset ?? 0);
}
