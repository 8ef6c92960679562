import { QUANTITIES, type Quantity, type Unit } from '../../src/core/quantity.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { type ArchiveSpec, MODBUS_REGISTERS } from '../../src/device/model.ts';
import { type NumberFormat, registersOf } from './numbers.ts';
import type { Ask } from './pdu.ts';
import { numberFormat, timeFormat } from './places.ts';
import type { Wanted } from './plan.ts';
import type { Answer } from './registers.ts';
import type { TimeFormat } from './times.ts';

/** Where an archive's records come from, whatever its pattern. Records are named by age: 0 is the newest. */
export interface RecordSource {
  readonly layout: RecordLayout;
  readonly records: number;
  /** The newest record, and the one before it when it costs no further request: together they show how records are spaced. */
  readonly firstAges: readonly number[];
  /**
   * Requests for records, and which records they bring: not always all that were wanted, and none when no more can be had.
   * @param also read in the same round
   */
  ask(ages: readonly number[], also: readonly Wanted[], answers: readonly Answer[]): Asked;
  /** A record that was asked for, once its answers are here. */
  held(age: number, answers: readonly Answer[]): HeldRecord;
}

export interface Asked {
  readonly ages: readonly number[];
  readonly asks: readonly Ask[];
}

export interface HeldRecord {
  readonly stamp: Uint8Array;
  /** In the order of the layout's values. */
  readonly values: readonly Uint8Array[];
  /** Its parts were read one after the other and do not belong together. */
  readonly torn: boolean;
  /** Why the meter itself says that the record is not to be used. */
  readonly unusable?: string;
}

/** What a record holds, by offset from its start. */
export interface RecordLayout {
  readonly stamp: { readonly offset: number; readonly count: number; readonly format: TimeFormat };
  readonly values: readonly RecordValue[];
}

export interface RecordValue {
  readonly quantity: Quantity;
  readonly unit: Unit;
  readonly kind: 'counter' | 'instantaneous';
  readonly offset: number;
  readonly count: number;
  readonly format: NumberFormat;
}

/** @param registers how long a record may be. Throws RangeError when a part of it lies beyond. */
export function recordLayout(device: BoundDevice, spec: ArchiveSpec, registers: number): RecordLayout {
  const stamp = {
    offset: spec.stamp.offset,
    count: MODBUS_REGISTERS[spec.stamp.type],
    format: timeFormat(device, spec.stamp.type, spec.stamp),
  };
  const values = spec.values.map((value): RecordValue => {
    const { quantity, unit, offset } = value;
    const format = numberFormat(device, value.type, value);
    const reading = device.model.readings.find((candidate) => candidate.quantity === quantity);
    return { quantity, unit, kind: reading?.kind ?? kindOf(quantity), offset, count: registersOf(format), format };
  });
  for (const { offset, count } of [stamp, ...values]) {
    if (offset + count > registers) {
      throw new RangeError(`archive: offset ${offset} with ${count} registers is beyond the record's ${registers}`);
    }
  }
  return { stamp, values };
}

/** What adds up is stored as an index; the rest as it was at that instant. */
function kindOf(quantity: Quantity): RecordValue['kind'] {
  return ['volume', 'energy', 'reactive energy'].includes(QUANTITIES[quantity].dimension) ? 'counter' : 'instantaneous';
}
