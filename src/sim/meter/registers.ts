import { type Decimal, divide, parseDecimal, ZERO } from '../../core/decimal.ts';
import { convert, type Quantity, type Unit } from '../../core/quantity.ts';
import type { MeterFlag } from '../../core/reading.ts';
import { lastBoundary } from '../../core/schedule.ts';
import { MINUTE_MS, type UtcMs } from '../../core/time.ts';
import {
  type DeviceModel,
  MODBUS_REGISTERS,
  type ModbusBit,
  type ModbusPlace,
  type RecordsArchive,
  type SelectorArchive,
} from '../../device/model.ts';
import type { DeviceConfig } from '../../device/site.ts';
import { encodeNumber, encodeTime, inOrder, residualOf } from './register-encode.ts';

export type SimTable = ModbusBit['table'];

/** What a Modbus meter has behind its addresses. */
export interface RegisterImage {
  /** The words (bits as 0 or 1) of `count` addresses from `first`, or undefined when one of them does not exist. */
  read(table: SimTable, first: number, count: number, now: UtcMs): number[] | undefined;
  /** Writes a holding register; false when it cannot be written. */
  write(address: number, value: number, now: UtcMs): boolean;
}

/** What the meter shows of a quantity at an instant, or undefined when it does not measure it. */
export type Shown = (quantity: Quantity, at: UtcMs) => { readonly value: Decimal; readonly unit: Unit } | undefined;

export interface ImageConfig {
  readonly model: DeviceModel;
  readonly placement: Pick<DeviceConfig, 'blocks' | 'words' | 'archive'>;
  readonly zone: string;
  readonly serial: string;
  readonly shown: Shown;
  /** The status bits that are set; none where it is left out. */
  readonly raised?: (now: UtcMs) => readonly MeterFlag[];
  /** The newest instant for which it has frozen anything; `now` where it is left out. */
  readonly frozenUpTo?: (now: UtcMs) => UtcMs;
  /** How long one frozen period is. */
  readonly periodMinutes: number;
}

type Cells = Map<string, number>;

/**
 * Lays a device file's registers out with living values: the current ones, the values frozen at the last full period with
 * their stamp, the status bits and the archive. Built anew for each request, because `now` moves.
 */
export function registerImage(config: ImageConfig): RegisterImage {
  const { archive } = config.model;
  let selected = archive?.pattern === 'selector' ? archive.select.newest : 0;
  return {
    read(table, first, count, now) {
      const cells = layOut(config, now, { table, first, count }, selected);
      const words = Array.from({ length: count }, (_, n) => cells.get(`${table}:${first + n}`));
      return words.every((word) => word !== undefined) ? words : undefined;
    },
    write(address, value, now) {
      if (archive?.pattern !== 'selector' || address !== archive.select.address) return false;
      if (recordAt(config, archive, value, now) === undefined) return false;
      selected = value;
      return true;
    },
  };
}

interface Window {
  readonly table: SimTable;
  readonly first: number;
  readonly count: number;
}

function layOut(config: ImageConfig, now: UtcMs, window: Window, selected: number): Cells {
  const cells: Cells = new Map();
  const { model } = config;
  const frozenAt = lastBoundary(config.frozenUpTo?.(now) ?? now, config.periodMinutes);
  for (const reading of model.readings) {
    if (!reading.modbus) continue;
    putValue(cells, config, reading.modbus, reading.quantity, reading.unit, reading.stamp ? frozenAt : now);
    if (reading.stamp?.modbus) putTime(cells, config, reading.stamp.modbus, frozenAt);
  }
  if (model.meterClock?.modbus) putTime(cells, config, model.meterClock.modbus, now);
  if (model.identity)
    put(cells, config, model.identity.modbus, encodeNumber(parseDecimal(config.serial), model.identity.modbus.type));
  putFlags(cells, config, now);
  if (model.archive?.pattern === 'records') putArchive(cells, config, model.archive, frozenAt, window);
  if (model.archive?.pattern === 'selector') putSelected(cells, config, model.archive, selected, now);
  return cells;
}

function putFlags(cells: Cells, config: ImageConfig, now: UtcMs): void {
  const raised = config.raised?.(now) ?? [];
  for (const { flag, modbus } of config.model.flags) {
    const cell = `${modbus.table}:${modbus.address ?? config.placement.blocks[modbus.block!]! + modbus.offset!}`;
    const bit = raised.includes(flag) ? 1 << (modbus.bit ?? 0) : 0;
    cells.set(cell, (cells.get(cell) ?? 0) | bit);
  }
}

/** Only the records that the request touches: an archive has thousands of registers. */
function putArchive(
  cells: Cells,
  config: ImageConfig,
  archive: RecordsArchive,
  newest: UtcMs,
  { table, first, count }: Window,
): void {
  const stride = config.placement.archive?.stride ?? archive.stride;
  const records = config.placement.archive?.records ?? archive.records;
  const base = config.placement.blocks[archive.block]!;
  if (table !== archive.table) return;
  const from = Math.max(0, Math.floor((first - base) / stride));
  const to = Math.min(records - 1, Math.floor((first + count - 1 - base) / stride));
  for (let position = from; position <= to; position++) {
    const n = archive.newest === 'first' ? position : records - 1 - position;
    const at = newest - n * config.periodMinutes * MINUTE_MS;
    putRecord(cells, config, archive, archive.table, base + position * stride, at);
  }
}

/** Records are numbered by the periods since 1970; the numbers wrap before the one that stands for the newest. */
const RECORD_NUMBERS = 50_000;

/** When the record of that number was written, or undefined when the archive does not have it. */
function recordAt(config: ImageConfig, archive: SelectorArchive, number: number, now: UtcMs): UtcMs | undefined {
  const period = config.periodMinutes * MINUTE_MS;
  const newest = lastBoundary(config.frozenUpTo?.(now) ?? now, config.periodMinutes);
  if (number === archive.select.newest) return newest;
  const age = (((newest / period - number) % RECORD_NUMBERS) + RECORD_NUMBERS) % RECORD_NUMBERS;
  return number < RECORD_NUMBERS && age < archive.records ? newest - age * period : undefined;
}

/** The window with the selected record, and the number of the one before it. */
function putSelected(cells: Cells, config: ImageConfig, archive: SelectorArchive, selected: number, now: UtcMs): void {
  const { window, older, usable } = archive;
  const at = recordAt(config, archive, selected, now);
  if (at === undefined) return;
  for (let n = 0; n < window.registers; n++) cells.set(`${window.table}:${window.address + n}`, 0);
  const number = (at / (config.periodMinutes * MINUTE_MS) - 1) % RECORD_NUMBERS;
  cells.set(`${window.table}:${window.address + older.offset}`, number);
  if (usable) cells.set(`${window.table}:${window.address + usable.offset}`, usable.is[0]!);
  putRecord(cells, config, archive, window.table, window.address, at);
}

function putRecord(
  cells: Cells,
  config: ImageConfig,
  { stamp, values }: RecordsArchive | SelectorArchive,
  table: ModbusPlace['table'],
  start: number,
  at: UtcMs,
): void {
  const place = ({
    offset,
    ...rest
  }: { offset: number } & Omit<ModbusPlace, 'table' | 'unavailable' | 'tariffs'>): ModbusPlace => ({
    ...rest,
    table,
    address: start + offset,
    unavailable: [],
    tariffs: 1,
  });
  putTime(cells, config, place({ ...stamp, factor: '1' }), at);
  for (const { quantity, unit, ...value } of values) putValue(cells, config, place(value), quantity, unit, at);
}

function putValue(
  cells: Cells,
  config: ImageConfig,
  place: ModbusPlace,
  quantity: Quantity,
  unit: Unit,
  at: UtcMs,
): void {
  // A register of something that is not measured here is there all the same, and holds nothing.
  const shown = config.shown(quantity, at) ?? { value: ZERO, unit };
  const factor = parseDecimal(place.factor);
  const steps = divide(convert(shown.value, shown.unit, unit), factor, 9, 'floor');
  put(cells, config, place, encodeNumber(steps, place.type));
  // All is counted under the first tariff.
  for (let tariff = 1; tariff < place.tariffs; tariff++) {
    const address = startOf(config, place) + tariff * MODBUS_REGISTERS[place.type];
    put(cells, config, { ...place, address }, encodeNumber(ZERO, place.type));
  }
  if (!place.residual) return;
  const { type, factor: residualFactor } = place.residual;
  const residual = encodeNumber(residualOf(steps, factor, parseDecimal(residualFactor)), type);
  const behind = startOf(config, place) + MODBUS_REGISTERS[place.type];
  put(cells, config, { ...place, type, address: behind }, residual);
}

function putTime(cells: Cells, config: ImageConfig, place: ModbusPlace, at: UtcMs): void {
  put(cells, config, place, encodeTime(at, place.type, config.zone));
}

function put(cells: Cells, config: ImageConfig, place: ModbusPlace, highFirst: number[]): void {
  const start = startOf(config, place);
  const order = { words: config.placement.words ?? place.words, bytes: place.bytes };
  inOrder(highFirst, place.type, order).forEach((word, n) => {
    cells.set(`${place.table}:${start + n}`, word);
  });
}

function startOf({ placement }: ImageConfig, place: ModbusPlace): number {
  return place.address ?? placement.blocks[place.block!]! + place.offset!;
}
