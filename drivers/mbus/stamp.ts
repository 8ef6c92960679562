import { type MeterClockMode, meterTimeToUtc } from '../../src/core/calendar.ts';
import {
  doubledHourFault,
  frozenAt,
  isDoubled,
  type Meanings,
  meaningsOfLocal,
  STAMP_AHEAD_MS_MAX,
  shownAt,
} from '../../src/core/doubled-hour.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import { HOUR_MS, isoUtc, type UtcMs } from '../../src/core/time.ts';
import type { MbusPlace } from '../../src/device/model.ts';
import { isRecord, placeText } from './place.ts';
import type { MbusRecord } from './record.ts';
import { dateRow } from './row.ts';

/** Time records of the meter -> UTC: its clock, and the stamps of what it froze. */

/** How the meter's wall time is to be understood. */
export interface MeterTime {
  readonly zone: string;
  readonly mode: MeterClockMode;
  /** The gateway's time at the start of the dialogue. */
  readonly now: UtcMs;
  /** Some time in the answer has its summer bit set, so that a clear bit means winter and not "never set". */
  readonly summerBitUsed: boolean;
}

export interface StampTime extends MeterTime {
  /** The meter's own clock, where it sends it. */
  readonly clock?: UtcMs;
}

/** A clock further ahead than this is no clock's error of running. */
const CLOCK_AHEAD_MS_MAX = HOUR_MS;

interface Stamp extends Meanings {
  readonly place: MbusPlace;
  /** Its local time happens twice, whether or not a summer bit says which one is meant. */
  readonly twice: boolean;
}

/** The meter's clock. */
export function clockOf(record: MbusRecord, place: MbusPlace, time: MeterTime): UtcMs | Failure {
  const shown = readStamp(record, place, time);
  if ('code' in shown) return shown;
  const at = shownAt(shown, time.now);
  return at - time.now > CLOCK_AHEAD_MS_MAX ? refused(place, 'more than an hour in the future') : at;
}

/** The instant at which the meter froze the value it froze last. */
export function stampOf(record: MbusRecord, place: MbusPlace, time: StampTime): UtcMs | Failure {
  const stamp = readStamp(record, place, time);
  if ('code' in stamp) return stamp;
  for (const now of clocks(time)) {
    const fault = doubledHourFault(stamp, now);
    if (fault !== undefined) return refused(place, fault);
  }
  return credible(stamp, agreed(clocks(time).map((now) => frozenAt(stamp, now))), time);
}

/** An entry of a history: what was found under its storage number as its stamp. */
export interface HistoryStamp {
  readonly place: MbusPlace;
  readonly record: MbusRecord | Failure;
}

/**
 * The instants of a history, whose entries tell the hours of autumn apart by their place in the row.
 * @param history in order of storage number
 */
export function datedHistory<Entry extends HistoryStamp>(
  history: readonly Entry[],
  time: StampTime,
): (Entry & { readonly at: UtcMs | Failure })[] {
  const stamps = history.map((entry) => ({
    entry,
    stamp: isRecord(entry.record) ? readStamp(entry.record, entry.place, time) : entry.record,
  }));
  const row = stamps.map(({ stamp }) => ('code' in stamp ? undefined : stamp));
  const rows = clocks(time).map((now) => dateRow(row, now));
  return stamps.map(({ entry, stamp }, n) => {
    const at = 'code' in stamp ? stamp : credible(stamp, agreed(rows.map((dated) => dated[n])), time);
    return { ...entry, at };
  });
}

/** Stamps must mean the same by our clock and by the meter's. */
function clocks({ now, clock }: StampTime): UtcMs[] {
  return clock === undefined ? [now] : [now, clock];
}

function agreed(instants: readonly (UtcMs | undefined)[]): UtcMs | undefined {
  return instants.every((at) => at === instants[0]) ? instants[0] : undefined;
}

function credible(stamp: Stamp, at: UtcMs | undefined, { now, clock }: StampTime): UtcMs | Failure {
  const { place, early, late, twice } = stamp;
  if (at === undefined) {
    return refused(place, `${isoUtc(late)} or ${isoUtc(early)}; what stands beside it does not tell which`);
  }
  if (at > now + STAMP_AHEAD_MS_MAX) return refused(place, `${isoUtc(at)} lies in the future (now ${isoUtc(now)})`);
  // Meters are imaginable that set the summer bit of their clock only: then a clear bit in a stamp says nothing.
  if (twice && clock !== undefined && at > clock) {
    return refused(
      place,
      `${isoUtc(at)} by its summer bit, which the meter's own clock (${isoUtc(clock)}) has not reached`,
    );
  }
  return at;
}

/** What a time record of the meter can mean, or why it means nothing. */
function readStamp(record: MbusRecord, place: MbusPlace, time: MeterTime): Stamp | Failure {
  const { value } = record;
  if (value.kind === 'invalid') return refused(place, value.reason);
  if (value.kind !== 'time') return refused(place, `${value.kind} is not a point of time`);
  if (value.precision === 'day') {
    return refused(place, 'a date without a time does not say which instant of the day is meant');
  }
  const { zone, mode, summerBitUsed } = time;
  if (value.summer && mode !== 'local') return refused(place, `the meter says summer time, its device file ${mode}`);
  const meanings = meaningsOfLocal(value.local, zone, mode);
  if (!meanings) return refused(place, 'no such local time exists (the hour that spring leaves out)');
  const { early, late } = meanings;
  if (value.summer && early === meterTimeToUtc(value.local, zone, 'winter', { near: early })) {
    return refused(place, 'the meter says summer time on a winter day');
  }
  const twice = isDoubled(meanings);
  if (value.summer) return { place, twice, early, late: early };
  return { place, twice, early: summerBitUsed ? late : early, late };
}

function refused(place: MbusPlace, why: string): Failure {
  return failure('clock-not-credible', `${placeText(place)}: ${why}`);
}
