import { type MeterClockMode, meterTimeToUtc } from '../../src/core/calendar.ts';
import { equal } from '../../src/core/decimal.ts';
import type { MeterValue } from '../../src/core/driver.ts';
import { type Failure, type FailureCode, failure } from '../../src/core/failure.ts';
import { convert, UNITS, type Unit } from '../../src/core/quantity.ts';
import type { MeterFlag } from '../../src/core/reading.ts';
import { HOUR_MS, MINUTE_MS, type UtcMs } from '../../src/core/time.ts';
import type { MbusPlace, ReadingSpec } from '../../src/device/model.ts';
import type { MbusRecord } from './record.ts';

/** How the meter's wall time is to be understood. */
export interface MeterTime {
  readonly zone: string;
  readonly mode: MeterClockMode;
  /** The gateway's time at the start of the dialogue. */
  readonly now: UtcMs;
  /** Some time in the answer has its summer bit set, so that a clear bit means winter and not "never set". */
  readonly summerBitUsed: boolean;
  /** The meter's clock is named in the device file but not readable: its stamps are marked for what they are. */
  readonly clockInvalid: boolean;
}

/** A stamp further ahead than this is no past boundary. */
const AHEAD_MS_MAX = HOUR_MS;
/** How far the meter's clock may run ahead of ours when the autumn hour has to be told from `now`. */
const CLOCK_AHEAD_MS = MINUTE_MS;

export type Found =
  | { readonly kind: 'value'; readonly value: MeterValue }
  /** There, but no value: told and not stored. */
  | { readonly kind: 'unusable'; readonly failure: Failure }
  /** Not there, or there twice: `code` says which. */
  | { readonly kind: 'missed'; readonly failure: Failure };

/** The value of a reading that has one place. @param flags what the meter's status byte says of all its values */
export function findValue(
  records: readonly MbusRecord[],
  reading: ReadingSpec,
  place: MbusPlace,
  stamp: MbusPlace | undefined,
  time: MeterTime,
  flags: readonly MeterFlag[],
): Found {
  const record = theOne(records, place);
  if (!isRecord(record)) return { kind: 'missed', failure: record };
  if (record.value.kind === 'invalid') return unusable('value-invalid', place, record.value.reason);
  if (record.value.kind !== 'number') return unusable('value-invalid', place, `${record.value.kind} is not a number`);
  if (!isUnit(record.unit) || UNITS[record.unit].dimension !== UNITS[reading.unit].dimension) {
    const detail = `${placeText(place)} is sent in "${record.unit}", which cannot be told exactly in ${reading.unit}`;
    return { kind: 'missed', failure: failure('value-missing', detail) };
  }
  const value: MeterValue = {
    quantity: reading.quantity,
    kind: reading.kind,
    value: convert(record.value.number, record.unit, reading.unit),
    unit: reading.unit,
    flags,
    raw: record.raw,
  };
  if (!stamp) return { kind: 'value', value };
  const stampRecord = theOne(records, stamp);
  if (!isRecord(stampRecord)) return { kind: 'missed', failure: stampRecord };
  const at = instantOf(stampRecord, stamp, time);
  if (typeof at !== 'number') return { kind: 'unusable', failure: at };
  const stampedFlags: MeterFlag[] = time.clockInvalid ? [...flags, 'clock-invalid'] : [...flags];
  const raw = `${record.raw} ${stampRecord.raw}`;
  return { kind: 'value', value: { ...value, storedAt: at, flags: stampedFlags, raw } };
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
  time: MeterTime,
  flags: readonly MeterFlag[],
): { values: MeterValue[]; unusable: Failure[]; missed?: Failure } {
  const byInstant = new Map<UtcMs, MeterValue[]>();
  const unusableEntries: Failure[] = [];
  for (let storage = place.storage; storage <= (place.storageTo ?? place.storage); storage++) {
    const found = findValue(records, reading, { ...place, storage }, { ...stamp, storage }, time, flags);
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

/** The instant that a time record of the meter names, or why it names none. */
export function instantOf(record: MbusRecord, place: MbusPlace, time: MeterTime): UtcMs | Failure {
  const refuse = (why: string) => failure('clock-not-credible', `${placeText(place)}: ${why}`);
  const { value } = record;
  if (value.kind === 'invalid') return refuse(value.reason);
  if (value.kind !== 'time') return refuse(`${value.kind} is not a point of time`);
  if (value.precision === 'day') return refuse('a date without a time does not say which instant of the day is meant');
  if (value.summer && time.mode !== 'local') return refuse(`the meter says summer time, its device file ${time.mode}`);
  const summer = value.summer ? true : time.summerBitUsed ? false : undefined;
  const hint = { near: time.now + CLOCK_AHEAD_MS, ...(summer === undefined ? {} : { summer }) };
  const at = meterTimeToUtc(value.local, time.zone, time.mode, hint);
  if (at === undefined) return refuse('no such local time exists (the hour that spring leaves out)');
  if (value.summer && at === meterTimeToUtc(value.local, time.zone, 'winter', hint)) {
    return refuse('the meter says summer time on a winter day');
  }
  if (at - time.now > AHEAD_MS_MAX) return refuse('more than an hour in the future');
  return at;
}

/** The record at a place; the failure when there is none or more than one. */
export function theOne(records: readonly MbusRecord[], place: MbusPlace): MbusRecord | Failure {
  let found: MbusRecord | undefined;
  for (const record of records) {
    if (!stands(record, place)) continue;
    if (found)
      return failure('value-ambiguous', `two records fit ${placeText(place)}; name the VIFE that tells them apart`);
    found = record;
  }
  return found ?? failure('value-missing', `no record fits ${placeText(place)}`);
}

export function isRecord(found: MbusRecord | Failure): found is MbusRecord {
  return 'raw' in found;
}

function stands(record: MbusRecord, place: MbusPlace): boolean {
  return (
    record.quantity === place.value &&
    record.storage === place.storage &&
    record.function === place.function &&
    record.tariff === place.tariff &&
    record.subunit === place.subunit &&
    record.vife.length === place.vife.length &&
    record.vife.every((code, n) => code === place.vife[n])
  );
}

function isUnit(text: string): text is Unit {
  return Object.hasOwn(UNITS, text);
}

function unusable(code: FailureCode, place: MbusPlace, why: string): Found {
  return { kind: 'unusable', failure: failure(code, `${placeText(place)}: ${why}`) };
}

/** `volume, storage 1` with what differs from the ordinary. */
export function placeText(place: MbusPlace): string {
  const parts: string[] = [place.value];
  if (place.function !== 'instantaneous') parts.push(place.function);
  parts.push(`storage ${place.storage}`);
  if (place.tariff) parts.push(`tariff ${place.tariff}`);
  if (place.subunit) parts.push(`subunit ${place.subunit}`);
  if (place.vife.length) parts.push(`VIFE ${place.vife.join(' ')}`);
  return parts.join(', ');
}
