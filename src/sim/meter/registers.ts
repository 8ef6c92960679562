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

/**
 * Lays a device file's registers out with living values: the current ones, the values frozen at the last full period with
 * their stamp, the status bits and the archive. Built anew for each request, because `now` moves.
 */
export function registerImage(config: ImageConfig): RegisterImage {
  const { archive } = config.model;
  let selected = archive?.pattern === 'selector' ? archive.select.newest : 0;
  return {
    read(table, first, count, now) {
      const cells = new Cells(table, first, count);
      layOut(cells, config, now, selected);
      return cells.whole();
    },
    write(address, value, now) {
      if (archive?.pattern !== 'selector' || address !== archive.select.address) return false;
      if (recordAt(config, archive, value, now) === undefined) return false;
      selected = value;
      return true;
    },
  };
}

/** The addresses that a request asks for; what would stand elsewhere is not worked out. */
class Cells {
  readonly table: SimTable;
  readonly first: number;
  readonly count: number;
  readonly #words: (number | undefined)[];

  constructor(table: SimTable, first: number, count: number) {
    this.table = table;
    this.first = first;
    this.count = count;
    this.#words = Array(count).fill(undefined);
  }

  touches(table: SimTable, start: number, count: number): boolean {
    return table === this.table && start < this.first + this.count && this.first < start + count;
  }

  get(table: SimTable, address: number): number | undefined {
    return table === this.table ? this.#words[address - this.first] : undefined;
  }

  set(table: SimTable, address: number, word: number): void {
    if (this.touches(table, address, 1)) this.#words[address - this.first] = word;
  }

  /** Undefined when one of them does not exist. */
  whole(): number[] | undefined {
    const words = this.#words.filter((word) => word !== undefined);
    return words.length === this.count ? words : undefined;
  }
}

function layOut(cells: Cells, config: ImageConfig, now: UtcMs, selected: number): void {
  const { model } = config;
  const frozenAt = lastBoundary(config.frozenUpTo?.(now) ?? now, config.periodMinutes);
  for (const reading of model.readings) {
    if (!reading.modbus) continue;
    putValue(cells, config, reading.modbus, reading.quantity, reading.unit, reading.stamp ? frozenAt : now);
    if (reading.stamp?.modbus) putTime(cells, config, reading.stamp.modbus, frozenAt);
  }
  if (model.meterClock?.modbus) putTime(cells, config, model.meterClock.modbus, now);
  if (model.identity) putIdentity(cells, config, model.identity.modbus);
  putFlags(cells, config, now);
  if (model.archive?.pattern === 'records') putArchive(cells, config, model.archive, frozenAt);
  if (model.archive?.pattern === 'selector') putSelected(cells, config, model.archive, selected, now);
}

function putIdentity(cells: Cells, config: ImageConfig, place: ModbusPlace): void {
  if (!cells.touches(place.table, startOf(config, place), MODBUS_REGISTERS[place.type])) return;
  put(cells, config, place, encodeNumber(parseDecimal(config.serial), place.type));
}

function putFlags(cells: Cells, config: ImageConfig, now: UtcMs): void {
  const raised = config.raised?.(now) ?? [];
  for (const { flag, modbus } of config.model.flags) {
    const address = modbus.address ?? config.placement.blocks[modbus.block!]! + modbus.offset!;
    const bit = raised.includes(flag) ? 1 << (modbus.bit ?? 0) : 0;
    cells.set(modbus.table, address, (cells.get(modbus.table, address) ?? 0) | bit);
  }
}

/** Only the records that the request touches: an archive has thousands of registers. */
function putArchive(cells: Cells, config: ImageConfig, archive: RecordsArchive, newest: UtcMs): void {
  const { table, first, count } = cells;
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
  for (let n = 0; n < window.registers; n++) cells.set(window.table, window.address + n, 0);
  const number = (at / (config.periodMinutes * MINUTE_MS) - 1) % RECORD_NUMBERS;
  cells.set(window.table, window.address + older.offset, number);
  if (usable) cells.set(window.table, window.address + usable.offset, usable.is[0]!);
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
  const { type, table, tariffs, residual } = place;
  const start = startOf(config, place);
  const count = tariffs * MODBUS_REGISTERS[type] + (residual ? MODBUS_REGISTERS[residual.type] : 0);
  if (!cells.touches(table, start, count)) return;
  // A register of something that is not measured here is there all the same, and holds nothing.
  const shown = config.shown(quantity, at) ?? { value: ZERO, unit };
  const factor = factorOf(place.factor);
  const steps = divide(convert(shown.value, shown.unit, unit), factor, 9, 'floor');
  put(cells, config, place, encodeNumber(steps, type));
  // All is counted under the first tariff.
  for (let tariff = 1; tariff < tariffs; tariff++) {
    const address = start + tariff * MODBUS_REGISTERS[type];
    put(cells, config, { ...place, address }, encodeNumber(ZERO, type));
  }
  if (!residual) return;
  const rest = encodeNumber(residualOf(steps, factor, factorOf(residual.factor)), residual.type);
  put(cells, config, { ...place, type: residual.type, address: start + MODBUS_REGISTERS[type] }, rest);
}

const factors = new Map<string, Decimal>();

/** Device files name a handful of factors. */
function factorOf(text: string): Decimal {
  const known = factors.get(text) ?? parseDecimal(text);
  factors.set(text, known);
  return known;
}

function putTime(cells: Cells, config: ImageConfig, place: ModbusPlace, at: UtcMs): void {
  if (!cells.touches(place.table, startOf(config, place), MODBUS_REGISTERS[place.type])) return;
  put(cells, config, place, encodeTime(at, place.type, config.zone));
}

function put(cells: Cells, config: ImageConfig, place: ModbusPlace, highFirst: number[]): void {
  const start = startOf(config, place);
  const order = { words: config.placement.words ?? place.words, bytes: place.bytes };
  inOrder(highFirst, place.type, order).forEach((word, n) => {
    cells.set(place.table, start + n, word);
  });
}

function startOf({ placement }: ImageConfig, place: ModbusPlace): number {
  return place.address ?? placement.blocks[place.block!]! + place.offset!;
}
