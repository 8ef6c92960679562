import type { MeterValue, ReadResult } from '../../src/core/driver.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { type ArchiveLayout, archiveLayout, recordWanted } from './archive-layout.ts';
import { agesToRead } from './archive-search.ts';
import { anchorAges, type Dated, dateRecords, type RecordStamp, refuseDoubtful } from './archive-stamps.ts';
import { clockOf } from './current.ts';
import { identityPlace, readIdentity } from './identity.ts';
import type { Inquiry } from './inquiry.ts';
import { decodeNumber } from './numbers.ts';
import { type Picked, pick, planRequests, type Wanted } from './plan.ts';
import { type Answer, hexText, type RegisterRange, rangeText } from './registers.ts';
import { type ClockSetting, meaningsOf } from './times.ts';

/** What the meter's archive of equal records holds of a span. Records are named by age: 0 is the newest. */

export interface ArchiveSpan {
  readonly now: UtcMs;
  readonly from: UtcMs;
  readonly to: UtcMs;
}

/** Throws RangeError when the device has no archive or the site did not place it. */
export function archiveInquiry(device: BoundDevice, span: ArchiveSpan): Inquiry {
  const layout = archiveLayout(device);
  const limits = device.model.modbus;
  const identity = identityPlace(device);
  const clock = clockOf(device);
  const asked: number[] = [];
  const stamps = new Map<number, RecordStamp>();

  const plan = (ages: readonly number[]): RegisterRange[] => {
    const wanted: Wanted[] = ages.flatMap((age) => recordWanted(layout, age));
    if (asked.length === 0 && identity) wanted.push({ value: identity.range });
    return planRequests(wanted, limits);
  };
  const stampOf = (age: number, answers: readonly Answer[]): RecordStamp => {
    const stamp = stamps.get(age) ?? recordStamp(layout, age, clock, answers);
    stamps.set(age, stamp);
    return stamp;
  };
  const dated = (answers: readonly Answer[]): Dated[] => {
    const records = asked.map((age) => stampOf(age, answers));
    return dateRecords(records, layout.stampFormat, clock, span.now);
  };

  return {
    next(answers): readonly RegisterRange[] {
      const ages = asked.length === 0 ? firstAges(layout, plan) : furtherAges(dated(answers), layout.records, span);
      const requests = ages.length > 0 ? plan(ages) : [];
      asked.push(...ages);
      asked.sort((a, b) => a - b);
      return requests;
    },
    result(answers): ReadResult {
      const known = readIdentity(identity, answers);
      const records = refuseDoubtful(dated(answers));
      const kept = records.filter(({ at }) => at !== undefined && at >= span.from && at <= span.to);
      const outcomes = kept.flatMap((record) => readRecord(layout, record, answers));
      return {
        values: outcomes.filter((outcome) => 'value' in outcome),
        identity: known.identity,
        unusable: [...known.unusable, ...refusals(records), ...outcomes.filter((outcome) => 'code' in outcome)],
      };
    },
  };
}

/** The newest record, and the one before it when it costs no further request: together they show how records are spaced. */
function firstAges(layout: ArchiveLayout, plan: (ages: readonly number[]) => readonly RegisterRange[]): number[] {
  return layout.records > 1 && plan([0, 1]).length <= plan([0]).length ? [0, 1] : [0];
}

function furtherAges(records: readonly Dated[], count: number, span: ArchiveSpan): number[] {
  const ages = agesToRead(records, count, span);
  return ages.length > 0 ? ages : anchorAges(records, count);
}

function recordStamp(layout: ArchiveLayout, age: number, clock: ClockSetting, answers: readonly Answer[]): RecordStamp {
  const picked = recordWanted(layout, age).map((wanted) => pick(wanted, answers));
  const stamps = picked.map(({ stamp }) => (stamp ? hexText(stamp) : ''));
  const torn = picked.some((one) => one.torn) || stamps.some((stamp) => stamp !== stamps[0]);
  const raw = picked.map(({ value }) => hexText(value)).join('');
  const stamp = picked[0]?.stamp ?? new Uint8Array();
  const meanings = meaningsOf(stamp, layout.stampFormat, clock);
  return { age, stamp, meanings, raw: `${stamps[0]}${raw}`, torn };
}

function readRecord(layout: ArchiveLayout, record: Dated, answers: readonly Answer[]): (MeterValue | Failure)[] {
  const wanted = recordWanted(layout, record.age);
  return layout.values.map((spec, index) => {
    const where = wanted[index]!;
    const picked: Picked = pick(where, answers);
    const number = decodeNumber(picked.value, spec.format);
    if (number.kind === 'invalid') {
      return failure('value-invalid', `archive ${spec.quantity}, ${rangeText(where.value)}: ${number.why}`);
    }
    return {
      quantity: spec.quantity,
      kind: spec.kind,
      value: number.value,
      unit: spec.unit,
      storedAt: record.at!,
      flags: [],
      raw: hexText(picked.value) + hexText(picked.stamp ?? new Uint8Array()),
    };
  });
}

/** One failure for each run of neighbouring records that were refused: an archive that was never full has hundreds. */
function refusals(records: readonly Dated[]): Failure[] {
  const runs: Dated[][] = [];
  for (const record of records.filter(({ refused }) => refused !== undefined)) {
    const last = runs.at(-1);
    if (last && last.at(-1)!.age + 1 === record.age) last.push(record);
    else runs.push([record]);
  }
  return runs.map((run) => {
    const [first, last] = [run[0]!, run.at(-1)!];
    const ages = run.length === 1 ? `record ${first.age}` : `records ${first.age} to ${last.age}, the first`;
    return failure('clock-not-credible', `archive ${ages}: ${first.refused}`);
  });
}
