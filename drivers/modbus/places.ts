import { parseDecimal } from '../../src/core/decimal.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import type { ModbusPlace } from '../../src/device/model.ts';
import { type ModbusNumber, NUMBER_REGISTERS, type NumberFormat, type WordOrder } from './numbers.ts';
import { endOf, type RegisterRange, rangeText, type Table } from './registers.ts';
import { isModbusTime, type ModbusTime, TIME_REGISTERS, type TimeFormat } from './times.ts';

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

export function placeNumber(device: BoundDevice, place: ModbusPlace): PlacedNumber {
  const { type } = place;
  if (isModbusTime(type)) throw new RangeError(`a value cannot have the time type ${type}`);
  const range = placeRange(place.table, addressOf(device, place), NUMBER_REGISTERS[type]);
  return placedNumber(range, type, wordsOf(device, place.words), place.factor, place.unavailable);
}

export function placeTime(device: BoundDevice, place: ModbusPlace): PlacedTime {
  const { type } = place;
  if (!isModbusTime(type)) throw new RangeError(`a time cannot have the number type ${type}`);
  return placedTime(device, place.table, addressOf(device, place), type, place.words);
}

export function placedNumber(
  range: RegisterRange,
  type: ModbusNumber,
  words: WordOrder,
  factor: string,
  unavailable: readonly string[],
): PlacedNumber {
  for (const pattern of unavailable) {
    // A pattern of another length would never match, and the placeholder would pass as a value.
    if (pattern.length !== 4 * range.count) {
      throw new RangeError(
        `the pattern "${pattern}" is not as long as the type ${type} (${4 * range.count} hex digits)`,
      );
    }
  }
  return { range, type, words, factor: parseDecimal(factor), unavailable };
}

export function placedTime(
  device: BoundDevice,
  table: Table,
  address: number,
  type: ModbusTime,
  words: WordOrder,
): PlacedTime {
  return { range: placeRange(table, address, TIME_REGISTERS[type]), type, words: wordsOf(device, words) };
}

/** The site's word order holds for the whole device. */
export function wordsOf(device: BoundDevice, words: WordOrder): WordOrder {
  return device.config.words ?? words;
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

function addressOf(device: BoundDevice, place: ModbusPlace): number {
  if (place.block === undefined) {
    if (place.address === undefined) throw new RangeError('a place has neither an address nor a block');
    return place.address;
  }
  return blockAddress(device, place.block) + (place.offset ?? 0);
}
