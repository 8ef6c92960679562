import type { MeterFlag, Reading } from '../core/reading.ts';
import type { Millis, Span, UtcMs } from '../core/time.ts';
import { isClockOff } from './readings.ts';
import type { Round } from './round.ts';

/**
 * A meter whose clock is put right leaves stamps in its archive that were never true: of the periods that the clock skipped, with
 * the index of the moment when it was set, and of those in which it ran wrong. Read with the clock right again they look like any
 * other, and what the clock is now says nothing about them. So the gateway remembers when it has seen the clock off.
 */

/** Spans that are remembered; the buffer knows again what was read once and not believed. */
const SPANS_MAX = 16;

/** What one device's dialogues told of its clock. */
export interface ClockDoubt {
  /** The last dialogue in which it was right. */
  readonly right?: Seen;
  /** It is off now. */
  readonly off?: OffRun;
  /** Stamps that are not believed. */
  readonly spans: readonly Span[];
}

interface Seen {
  readonly at: UtcMs;
  /** Steps of the wall until then. */
  readonly steps: number;
}

interface OffRun extends Seen {
  /** How far back it showed again what it had shown before. */
  readonly behindMs: Millis;
}

export const NO_DOUBT: ClockDoubt = { spans: [] };

/** @param steps how often the wall was set until this round: where it was, the meter's clock may have been right all along */
export function seenClock(before: ClockDoubt, round: Round, steps: number, clockOffMsMax: Millis): ClockDoubt {
  const { clockOffsetMs, startedAt, endedAt } = round;
  const { right, off, spans } = before;
  if (isClockOff(round, clockOffMsMax) || isClockRefused(round)) {
    const begun = off ?? { ...(right ?? { at: startedAt, steps }), behindMs: 0 };
    return { ...before, off: { ...begun, behindMs: Math.max(begun.behindMs, -(clockOffsetMs ?? 0)) } };
  }
  if (clockOffsetMs === undefined) return before;
  const now = { at: endedAt, steps };
  if (off?.steps !== steps) return { right: now, spans };
  // What is frozen in this very minute is frozen by the clock that is right.
  const end = endedAt - clockOffMsMax;
  return { right: now, spans: [...spans, { start: off.at - off.behindMs, end }].slice(-SPANS_MAX) };
}

/** The drivers refuse a clock that cannot be: so far ahead that it is no clock's error. */
function isClockRefused({ clockOffsetMs, unusable }: Round): boolean {
  return clockOffsetMs === undefined && unusable.some(({ code }) => code === 'clock-not-credible');
}

/** Marks what the meter froze under a stamp that is not believed. */
export function doubted({ spans }: ClockDoubt, readings: readonly Reading[]): readonly Reading[] {
  if (spans.length === 0) return readings;
  return readings.map((reading) => {
    const isDoubted = isStored(reading) && spans.some(({ start, end }) => start <= reading.at && reading.at < end);
    if (!isDoubted || reading.flags.includes('clock-invalid')) return reading;
    const flags: readonly MeterFlag[] = [...reading.flags, 'clock-invalid'];
    return { ...reading, flags };
  });
}

function isStored({ source }: Reading): boolean {
  return source === 'stored';
}
