import type { Meanings } from '../../src/core/doubled-hour.ts';
import { HOUR_MS, isoUtc, type Millis, type UtcMs } from '../../src/core/time.ts';
import type { Decoded } from './numbers.ts';
import { type ClockSetting, decodeTime, QUARTER_MS, stampFault, type TimeFormat } from './times.ts';

/**
 * Which instant each archive record stands for, and which records cannot be believed. A stamp is never taken alone: it must be
 * on the grid of its neighbours and in their order.
 */

/** A record as read: its stamp and what it can mean, all its bytes as hex, and whether the stamp changed while it was read. */
export interface RecordStamp {
  readonly age: number;
  readonly stamp: Uint8Array;
  readonly meanings: Decoded<Meanings>;
  readonly raw: string;
  readonly torn: boolean;
}

/** Either `at`, or `refused` says why not; neither for a copy of its newer neighbour. */
export interface Dated {
  readonly age: number;
  readonly at?: UtcMs;
  readonly refused?: string;
  /** The stamp is a local time that happens twice in autumn; `at` is the one that fits the newer records. */
  readonly twice?: boolean;
}

interface Accepted {
  readonly age: number;
  readonly at: UtcMs;
}

/**
 * Each stamp as an instant, believed for as long as more records are to be read.
 * @param records in order of age, newest first
 */
export function dateRecords(
  records: readonly RecordStamp[],
  format: TimeFormat,
  clock: ClockSetting,
  now: UtcMs,
): Dated[] {
  let newer: Accepted | undefined;
  let spacing: Millis | undefined;
  return records.map((record, index) => {
    const { age } = record;
    const previous = records[index - 1];
    if (record.torn) return { age, refused: 'its stamp changed while it was read' };
    if (record.meanings.kind === 'invalid') return { age, refused: record.meanings.why };
    const { early, late } = record.meanings.value;
    const twice = early !== late;
    const at = twice ? decodeTime(record.stamp, format, clock, expectedAt(newer, age, spacing) ?? now) : undefined;
    const chosen = at?.kind === 'value' ? at.value : early;
    const fault = stampFault(chosen, now);
    if (fault) return { age, refused: fault };
    // The archive moved on by one between two requests: this is the record read before, now one older.
    if (previous && previous.age + 1 === age && previous.raw === record.raw) return { age };
    if (newer && newer.age + 1 === age) spacing = smaller(spacing, newer.at - chosen);
    newer = { age, at: chosen };
    return { ...newer, twice };
  });
}

/**
 * Where a record should lie, counted from the next newer one: it decides which of the two autumn hours a local stamp means.
 * While the spacing is not known: just before the newer one.
 */
function expectedAt(newer: Accepted | undefined, age: number, spacing: Millis | undefined): UtcMs | undefined {
  return newer && (spacing === undefined ? newer.at - 1 : newer.at - (age - newer.age) * spacing);
}

function smaller(known: Millis | undefined, seen: Millis): Millis | undefined {
  if (seen < QUARTER_MS) return known;
  return known === undefined ? seen : Math.min(known, seen);
}

/** The same records without those that contradict their neighbours. */
export function refuseDoubtful(records: readonly Dated[]): Dated[] {
  return refuseUnanchored(refuseDisorder(refuseOffGrid(records)));
}

/** Ages that must be read as well before the records of a doubled hour can be told apart. */
export function anchorAges(records: readonly Dated[], count: number): number[] {
  const read = new Set(records.map(({ age }) => age));
  const beside = records.flatMap(({ age, twice }) => (twice ? [age - 1, age + 1] : []));
  return [...new Set(beside)].filter((age) => age >= 0 && age < count && !read.has(age));
}

/**
 * Hourly archives are stamped at full hours; a quarter among them is a wrong stamp. Where most neighbours are less than an hour
 * apart the archive is none of hours, even if the search happened to read mostly full ones.
 */
function refuseOffGrid(records: readonly Dated[]): Dated[] {
  const stamped = records.flatMap(({ age, at }) => (at === undefined ? [] : [{ age, at }]));
  const full = stamped.filter(({ at }) => at % HOUR_MS === 0);
  const steps = stamped.flatMap(({ age, at }, index) => {
    const newer = stamped[index - 1];
    return newer && newer.age + 1 === age ? [newer.at - at] : [];
  });
  const short = steps.filter((step) => step < HOUR_MS);
  const hourly = full.length * 2 > stamped.length && short.length * 2 <= steps.length;
  if (!hourly) return [...records];
  return records.map((record) =>
    record.at === undefined || record.at % HOUR_MS === 0
      ? record
      : { age: record.age, refused: `${isoUtc(record.at)} is not a full hour as its neighbours are` },
  );
}

/**
 * Older records must be older by a quarter-hour each at the least. Of two that contradict each other nobody can say which is
 * right, so both are refused.
 */
function refuseDisorder(records: readonly Dated[]): Dated[] {
  const accepted = records.flatMap(({ age, at }) => (at === undefined ? [] : [{ age, at }]));
  const refused = new Map<number, string>();
  for (const [index, older] of accepted.entries()) {
    const newer = accepted[index - 1];
    if (!newer || newer.at - older.at >= (older.age - newer.age) * QUARTER_MS) continue;
    const why = `record ${newer.age} is stamped ${isoUtc(newer.at)} and the older record ${older.age} ${isoUtc(older.at)}`;
    refused.set(newer.age, why).set(older.age, why);
  }
  return records.map((record) => {
    const why = refused.get(record.age);
    return why === undefined ? record : { age: record.age, refused: why };
  });
}

/**
 * A local stamp from the doubled autumn hour says which of the two it is only by its place in the row: the records from the one
 * before that hour to the one after it must be evenly spaced without a gap. If one is missing, nobody can say which; all of the
 * row are refused.
 */
function refuseUnanchored(records: readonly Dated[]): Dated[] {
  const byAge = new Map(records.map((record) => [record.age, record]));
  return records.map((record) =>
    record.twice && record.at !== undefined && !isAnchored(record.age, byAge)
      ? { age: record.age, refused: `${isoUtc(record.at)} or the same local time an hour off: its row has a gap` }
      : record,
  );
}

function isAnchored(age: number, byAge: ReadonlyMap<number, Dated>): boolean {
  let [start, end] = [age, age];
  while (start > 0 && byAge.get(start)?.twice) start -= 1;
  while (byAge.get(end)?.twice) end += 1;
  const row = Array.from({ length: end - start + 1 }, (_, index) => byAge.get(start + index)?.at);
  const steps = row.slice(1).map((at, index) => (row[index] ?? Number.NaN) - (at ?? Number.NaN));
  return steps.every((step) => step === steps[0] && step <= HOUR_MS);
}
