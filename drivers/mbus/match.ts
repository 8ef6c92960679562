import { equal } from '../../src/core/decimal.ts';
import type { MeterValue } from '../../src/core/driver.ts';
import { type Failure, type FailureCode, failure } from '../../src/core/failure.ts';
import { convert, UNITS, type Unit } from '../../src/core/quantity.ts';
import type { MeterFlag } from '../../src/core/reading.ts';
import type { UtcMs } from '../../src/core/time.ts';
import type { MbusPlace, ReadingSpec } from '../../src/device/model.ts';
import { isRecord, placeText, theOne } from './place.ts';
import type { MbusRecord } from './record.ts';
import { datedHistory, type StampTime, stampOf } from './stamp.ts';

/** What the answer says of its times and of all its values. */
export interface Told {
  readonly time: StampTime;
  /** Of the meter's status byte. */
  readonly flags: readonly MeterFlag[];
  /** The meter's clock is named in the device file but not readable: its stamps are marked for what they are. */
  readonly clockInvalid: boolean;
}

export type Found =
  | { readonly kind: 'value'; readonly value: MeterValue }
  /** There, but no value: told and not stored. */
  | { readonly kind: 'unusable'; readonly failure: Failure }
  /** Not there, or there twice: `code` says which. */
  | { readonly kind: 'missed'; readonly failure: Failure };

/** The value of a reading that has one place, with the instant of its stamp where it has one. */
export function findValue(
  records: readonly MbusRecord[],
  reading: ReadingSpec,
  place: MbusPlace,
  stamp: MbusPlace | undefined,
  told: Told,
): Found {
  const found = findNumber(records, reading, place, told);
  if (found.kind !== 'value' || !stamp) return found;
  const record = theOne(records, stamp);
  if (!isRecord(record)) return { kind: 'missed', failure: record };
  return stamped(found.value, record, stampOf(record, stamp, told.time), told);
}

/**
 * A history under consecutive storage numbers, each entry with the stamp of its own number. What is missing or not credible is
 * told and left out; two entries of one instant that differ are both left out, for one of the two stamps is wrong.
 */
export function findHistory(
  records: readonly MbusRecord[],
  reading: ReadingSpec,
  place: MbusPlace,
  stamp: MbusPlace,
  told: Told,
): { values: MeterValue[]; unusable: Failure[]; missed?: Failure } {
  const count = (place.storageTo ?? place.storage) - place.storage + 1;
  const history = Array.from({ length: count }, (_, n) => {
    const stampPlace = { ...stamp, storage: place.storage + n };
    return { value: { ...place, storage: place.storage + n }, place: stampPlace, record: theOne(records, stampPlace) };
  });
  const byInstant = new Map<UtcMs, MeterValue[]>();
  const unusableEntries: Failure[] = [];
  for (const { value, record, at } of datedHistory(history, told.time)) {
    const number = findNumber(records, reading, value, told);
    const found = number.kind === 'value' ? stamped(number.value, record, at, told) : number;
    if (found.kind === 'missed' && found.failure.code === 'value-ambiguous') {
      return { values: [], unusable: [], missed: found.failure };
    }
    if (found.kind !== 'value') unusableEntries.push(found.failure);
    else if (found.value.storedAt !== undefined) {
      const same = byInstant.get(found.value.storedAt) ?? [];
      byInstant.set(found.value.storedAt, [...same, found.value]);
    }
  }
  const values: MeterValue[] = [];
  for (const [first, ...others] of byInstant.values()) {
    if (!first) continue;
    if (others.every(({ value }) => equal(value, first.value))) values.push(first);
    else unusableEntries.push(failure('clock-not-credible', `${placeText(place)}: two entries of one instant differ`));
  }
  return { values, unusable: unusableEntries };
}

/** The number at a place in the unit of the device file, without a stamp. */
function findNumber(records: readonly MbusRecord[], reading: ReadingSpec, place: MbusPlace, { flags }: Told): Found {
  const record = theOne(records, place);
  if (!isRecord(record)) return { kind: 'missed', failure: record };
  if (record.value.kind === 'invalid') return unusable('value-invalid', place, record.value.reason);
  if (record.value.kind !== 'number') return unusable('value-invalid', place, `${record.value.kind} is not a number`);
  if (!isUnit(record.unit) || UNITS[record.unit].dimension !== UNITS[reading.unit].dimension) {
    const detail = `${placeText(place)} is sent in "${record.unit}", which cannot be told exactly in ${reading.unit}`;
    return { kind: 'missed', failure: failure('value-missing', detail) };
  }
  const { quantity, kind, unit } = reading;
  const value = convert(record.value.number, record.unit, unit);
  return { kind: 'value', value: { quantity, kind, value, unit, flags, raw: record.raw } };
}

function stamped(value: MeterValue, stamp: MbusRecord | Failure, at: UtcMs | Failure, { clockInvalid }: Told): Found {
  if (!isRecord(stamp)) return { kind: 'missed', failure: stamp };
  if (typeof at !== 'number') return { kind: 'unusable', failure: at };
  const flags: MeterFlag[] = clockInvalid ? [...value.flags, 'clock-invalid'] : [...value.flags];
  return { kind: 'value', value: { ...value, storedAt: at, flags, raw: `${value.raw} ${stamp.raw}` } };
}

function isUnit(text: string): text is Unit {
  return Object.hasOwn(UNITS, text);
}

function unusable(code: FailureCode, place: MbusPlace, why: string): Found {
  return { kind: 'unusable', failure: failure(code, `${placeText(place)}: ${why}`) };
}
