import { QUANTITIES, type Quantity, type Unit } from '../../src/core/quantity.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import type { ArchiveSpec } from '../../src/device/model.ts';
import { NUMBER_REGISTERS, type NumberFormat } from './numbers.ts';
import { blockAddress, placedNumber, placeRange, wordsOf } from './places.ts';
import type { Wanted } from './plan.ts';
import type { RegisterRange } from './registers.ts';
import { TIME_REGISTERS, type TimeFormat } from './times.ts';

/** Where the records of an archive stand once the site has placed and sized it. */
export interface ArchiveLayout {
  readonly records: number;
  readonly stampFormat: TimeFormat;
  readonly values: readonly ArchiveValue[];
  /** `offset` registers into the record of that age; 0 is the newest. */
  range(age: number, offset: number, count: number): RegisterRange;
  readonly stamp: { readonly offset: number; readonly count: number };
}

export interface ArchiveValue {
  readonly quantity: Quantity;
  readonly unit: Unit;
  readonly kind: 'counter' | 'instantaneous';
  readonly offset: number;
  readonly count: number;
  readonly format: NumberFormat;
}

/** Throws RangeError when there is no archive, its block is not placed, or a record does not fit its stride or the table. */
export function archiveLayout(device: BoundDevice): ArchiveLayout {
  const spec = device.model.archive;
  if (!spec) throw new RangeError(`${device.model.maker} ${device.model.model} has no archive`);
  const start = blockAddress(device, spec.block);
  const stride = device.config.archive?.stride ?? spec.stride;
  const records = device.config.archive?.records ?? spec.records;
  placeRange(spec.table, start, stride * records);
  const stamp = { offset: spec.stamp.offset, count: TIME_REGISTERS[spec.stamp.type] };
  const values = spec.values.map((value) => archiveValue(device, value));
  for (const { offset, count } of [stamp, ...values]) {
    if (offset + count > stride) {
      throw new RangeError(`archive: offset ${offset} with ${count} registers is beyond the stride of ${stride}`);
    }
  }
  return {
    records,
    stampFormat: { type: spec.stamp.type, words: wordsOf(device, spec.stamp.words) },
    values,
    stamp,
    range(age, offset, count) {
      const slot = spec.newest === 'first' ? age : records - 1 - age;
      return { table: spec.table, address: start + slot * stride + offset, count };
    },
  };
}

/** Every value of a record, each with the record's stamp. */
export function recordWanted(layout: ArchiveLayout, age: number): Wanted[] {
  const stamp = layout.range(age, layout.stamp.offset, layout.stamp.count);
  return layout.values.map(({ offset, count }) => ({ value: layout.range(age, offset, count), stamp }));
}

function archiveValue(device: BoundDevice, spec: ArchiveSpec['values'][number]): ArchiveValue {
  const { quantity, unit, offset, type } = spec;
  const count = NUMBER_REGISTERS[type];
  const range = { table: device.model.archive!.table, address: offset, count };
  const format = placedNumber(range, type, wordsOf(device, spec.words), spec.factor, []);
  const reading = device.model.readings.find((candidate) => candidate.quantity === quantity);
  return { quantity, unit, kind: reading?.kind ?? kindOf(quantity), offset, count, format };
}

/** What adds up is stored as an index; the rest as it was at that instant. */
function kindOf(quantity: Quantity): ArchiveValue['kind'] {
  return ['volume', 'energy', 'reactive energy'].includes(QUANTITIES[quantity].dimension) ? 'counter' : 'instantaneous';
}
