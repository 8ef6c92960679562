import type { MeterValue, ReadResult } from '../../src/core/driver.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { MeterFlag } from '../../src/core/reading.ts';
import type { UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { recordsBySide } from './archive-records.ts';
import { agesToRead } from './archive-search.ts';
import { recordsBySelector } from './archive-selector.ts';
import type { RecordSource } from './archive-source.ts';
import { anchorAges, type Dated, dateRecords, type RecordStamp, refuseDoubtful } from './archive-stamps.ts';
import { clockOf, clockPlace, readClock } from './clock.ts';
import { identityPlace, readIdentity } from './identity.ts';
import type { Inquiry } from './inquiry.ts';
import { decodeNumber } from './numbers.ts';
import type { Ask } from './pdu.ts';
import { type Answer, hexText } from './registers.ts';
import { type ClockSetting, meaningsOf } from './times.ts';

/** What the meter's archive of equal records holds of a span. Records are named by age: 0 is the newest. */

export interface ArchiveSpan {
  readonly now: UtcMs;
  readonly from: UtcMs;
  readonly to: UtcMs;
}

/** Throws RangeError when the device has no archive or the site did not place it. */
export function archiveInquiry(device: BoundDevice, span: ArchiveSpan): Inquiry {
  const source = sourceOf(device);
  const identity = identityPlace(device);
  const meterClock = clockPlace(device);
  const clock = clockOf(device);
  const asked: number[] = [];
  const stamps = new Map<number, RecordStamp>();

  const stampOf = (age: number, answers: readonly Answer[]): RecordStamp => {
    const stamp = stamps.get(age) ?? recordStamp(source, age, clock, answers);
    stamps.set(age, stamp);
    return stamp;
  };
  const dated = (answers: readonly Answer[]): Dated[] => {
    const records = asked.map((age) => stampOf(age, answers));
    return dateRecords(records, source.layout.stamp.format, clock, span.now);
  };

  return {
    next(answers): readonly Ask[] {
      const isFirst = answers.length === 0;
      const ages = isFirst ? source.firstAges : furtherAges(dated(answers), source.records, span);
      if (ages.length === 0) return [];
      const also = isFirst ? [identity, meterClock].flatMap((place) => (place ? [{ value: place.range }] : [])) : [];
      const next = source.ask(ages, also, answers);
      asked.push(...next.ages);
      asked.sort((a, b) => a - b);
      return next.asks;
    },
    result(answers): ReadResult {
      const known = readIdentity(identity, answers);
      const shown = readClock(meterClock, answers, clock, span.now);
      const records = refuseDoubtful(dated(answers));
      const kept = records.filter(({ at }) => at !== undefined && at >= span.from && at <= span.to);
      const outcomes = kept.flatMap((record) => readRecord(source, record, answers, shown.stampFlags));
      return {
        values: outcomes.filter((outcome) => 'value' in outcome),
        identity: known.identity,
        ...(shown.clock !== undefined && { clock: shown.clock }),
        unusable: [
          ...known.unusable,
          ...shown.unusable,
          ...refusals(records),
          ...outcomes.filter((outcome) => 'code' in outcome),
        ],
      };
    },
  };
}

function sourceOf(device: BoundDevice): RecordSource {
  const { archive, maker, model } = device.model;
  if (!archive) throw new RangeError(`${maker} ${model} has no archive`);
  return archive.pattern === 'records' ? recordsBySide(device, archive) : recordsBySelector(device, archive);
}

function furtherAges(records: readonly Dated[], count: number, span: ArchiveSpan): number[] {
  const ages = agesToRead(records, count, span);
  return ages.length > 0 ? ages : anchorAges(records, count);
}

function recordStamp(source: RecordSource, age: number, clock: ClockSetting, answers: readonly Answer[]): RecordStamp {
  const { stamp, values, torn, unusable } = source.held(age, answers);
  const meanings: RecordStamp['meanings'] =
    unusable === undefined ? meaningsOf(stamp, source.layout.stamp.format, clock) : { kind: 'invalid', why: unusable };
  return { age, stamp, meanings, raw: [stamp, ...values].map(hexText).join(''), torn };
}

function readRecord(
  { held, layout }: RecordSource,
  record: Dated,
  answers: readonly Answer[],
  flags: readonly MeterFlag[],
): (MeterValue | Failure)[] {
  const { stamp, values } = held(record.age, answers);
  return layout.values.map(({ quantity, kind, unit, format }, index) => {
    const bytes = values[index]!;
    const number = decodeNumber(bytes, format);
    if (number.kind === 'invalid') {
      return failure('value-invalid', `archive ${quantity}, record ${record.age}: ${number.why}`);
    }
    const raw = hexText(bytes) + hexText(stamp);
    return { quantity, kind, value: number.value, unit, storedAt: record.at!, flags, raw };
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
