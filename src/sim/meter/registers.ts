import { localTime } from '../../core/calendar.ts';
import { type Decimal, decimal, decimalText, divide, parseDecimal, ZERO } from '../../core/decimal.ts';
import { convert, type Quantity, type Unit } from '../../core/quantity.ts';
import { lastBoundary } from '../../core/schedule.ts';
import { MINUTE_MS, type UtcMs } from '../../core/time.ts';
import type { DeviceModel, ModbusPlace } from '../../device/model.ts';
import type { DeviceConfig } from '../../device/site.ts';

/** The words of `count` registers from `first`, or undefined when one of them does not exist. */
export type RegisterImage = (
  table: 'holding' | 'input',
  first: number,
  count: number,
  now: UtcMs,
) => number[] | undefined;

/** What the meter shows of a quantity at an instant, or undefined when it does not measure it. */
export type Shown = (quantity: Quantity, at: UtcMs) => { readonly value: Decimal; readonly unit: Unit } | undefined;

export interface ImageConfig {
  readonly model: DeviceModel;
  readonly placement: Pick<DeviceConfig, 'blocks' | 'words' | 'archive'>;
  readonly zone: string;
  readonly serial: string;
  readonly shown: Shown;
  /** How long one frozen period is. */
  readonly periodMinutes: number;
}

type NumberOrTime = ModbusPlace['type'];
type Cells = Map<string, number>;

/**
 * Lays a device file's registers out with living values: the current ones, the values frozen at the last full period with
 * their stamp, and the archive. Built anew for each request, because `now` moves.
 */
export function registerImage(config: ImageConfig): RegisterImage {
  return (table, first, count, now) => {
    const cells = layOut(config, now, { table, first, count });
    const words = Array.from({ length: count }, (_, n) => cells.get(`${table}:${first + n}`));
    return words.every((word) => word !== undefined) ? words : undefined;
  };
}

interface Window {
  readonly table: 'holding' | 'input';
  readonly first: number;
  readonly count: number;
}

function layOut(config: ImageConfig, now: UtcMs, window: Window): Cells {
  const cells: Cells = new Map();
  const { model } = config;
  const frozenAt = lastBoundary(now, config.periodMinutes);
  for (const reading of model.readings) {
    if (!reading.modbus) continue;
    putValue(cells, config, reading.modbus, reading.quantity, reading.unit, reading.stamp ? frozenAt : now);
    if (reading.stamp?.modbus) putTime(cells, config, reading.stamp.modbus, frozenAt);
  }
  if (model.meterClock?.modbus) putTime(cells, config, model.meterClock.modbus, now);
  if (model.identity)
    put(cells, config, model.identity.modbus, encodeNumber(parseDecimal(config.serial), model.identity.modbus.type));
  if (model.archive) putArchive(cells, config, frozenAt, window);
  return cells;
}

/** Only the records that the request touches: an archive has thousands of registers. */
function putArchive(cells: Cells, config: ImageConfig, newest: UtcMs, { table, first, count }: Window): void {
  const archive = config.model.archive!;
  const stride = config.placement.archive?.stride ?? archive.stride;
  const records = config.placement.archive?.records ?? archive.records;
  const base = config.placement.blocks[archive.block]!;
  if (table !== archive.table) return;
  const from = Math.max(0, Math.floor((first - base) / stride));
  const to = Math.min(records - 1, Math.floor((first + count - 1 - base) / stride));
  for (let position = from; position <= to; position++) {
    const n = archive.newest === 'first' ? position : records - 1 - position;
    const at = newest - n * config.periodMinutes * MINUTE_MS;
    const place = (offset: number, type: NumberOrTime, words: ModbusPlace['words'], factor: string): ModbusPlace => ({
      table: archive.table,
      address: base + position * stride + offset,
      type,
      words,
      factor,
      unavailable: [],
    });
    putTime(cells, config, place(archive.stamp.offset, archive.stamp.type, archive.stamp.words, '1'), at);
    for (const value of archive.values) {
      putValue(
        cells,
        config,
        place(value.offset, value.type, value.words, value.factor),
        value.quantity,
        value.unit,
        at,
      );
    }
  }
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
  const inUnit = convert(shown.value, shown.unit, unit);
  put(cells, config, place, encodeNumber(divide(inUnit, parseDecimal(place.factor), 9, 'floor'), place.type));
}

function putTime(cells: Cells, config: ImageConfig, place: ModbusPlace, at: UtcMs): void {
  put(cells, config, place, encodeTime(at, place.type, config.zone));
}

function put(cells: Cells, config: ImageConfig, place: ModbusPlace, highFirst: number[]): void {
  const start = place.address ?? config.placement.blocks[place.block!]! + place.offset!;
  const isNumber = highFirst.length > 1 && !place.type.startsWith('local-');
  const order = config.placement.words ?? place.words;
  const words = isNumber && order === 'low-first' ? highFirst.toReversed() : highFirst;
  words.forEach((word, n) => {
    cells.set(`${place.table}:${start + n}`, word);
  });
}

/** Registers of a number, most significant word first. */
function encodeNumber(value: Decimal, type: NumberOrTime): number[] {
  const bits = Number(/\d+$/.exec(type)?.[0]);
  if (type.startsWith('f')) return floatWords(Number(decimalText(value)), bits);
  const whole = divide(value, decimal(1), 0, 'floor').coefficient;
  const pattern = type.startsWith('bcd') ? BigInt(`0x${whole}`) : BigInt.asUintN(bits, whole);
  return Array.from({ length: bits / 16 }, (_, n) => Number((pattern >> BigInt(bits - 16 * (n + 1))) & 0xffffn));
}

function floatWords(value: number, bits: number): number[] {
  const view = new DataView(new ArrayBuffer(bits / 8));
  if (bits === 32) view.setFloat32(0, value);
  else view.setFloat64(0, value);
  return Array.from({ length: bits / 16 }, (_, n) => view.getUint16(n * 2));
}

function encodeTime(at: UtcMs, type: NumberOrTime, zone: string): number[] {
  if (type === 'unix-u32') return encodeNumber(decimal(Math.floor(at / 1000)), 'u32');
  const { year, month, day, hour, minute, second } = localTime(at, zone);
  if (type === 'local-words6') return [year, month, day, hour, minute, second];
  const bcd = (high: number, low: number) =>
    Number.parseInt(`${high}`.padStart(2, '0') + `${low}`.padStart(2, '0'), 16);
  return [bcd(year % 100, month), bcd(day, hour), bcd(minute, second)];
}
