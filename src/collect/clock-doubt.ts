import type { ClockMemory } from '../core/clock-memory.ts';
import type { MeterFlag, Reading } from '../core/reading.ts';
import { HOUR_MS, MINUTE_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';
import { isClockOff } from './readings.ts';
import type { Round } from './round.ts';

/**
 * A meter whose clock is put right leaves stamps in its archive that were never true: of the periods that the clock skipped, with
 * the index of the moment when it was set, and of those in which it ran wrong. Read with the clock right again they look like any
 * other, and what the clock is now says nothing about them. So the gateway remembers when it has seen the clock off, also over a
 * restart: the archive is asked for what is missing weeks later.
 */

/** No archive is asked for what is older (`app/gaps.ts` looks back 40 days). */
const SPAN_KEPT_MS: Millis = 45 * 24 * HOUR_MS;
/** More are joined with what lies between them: to doubt too much costs a better value, to forget lets a wrong one pass. */
const SPANS_MAX = 32;
/** A clock that is right is written down so often: every look would be a row. */
const RIGHT_KEPT_EVERY_MS: Millis = HOUR_MS;

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
  /** Steps of the wall until then; undefined where that was before this program started, and nobody can say. */
  readonly steps?: number;
}

interface OffRun extends Seen {
  /** How far back it showed again what it had shown before. */
  readonly behindMs: Millis;
}

export const NO_DOUBT: ClockDoubt = { spans: [] };

/** What an earlier run of the program has left. */
export function doubtFrom({ rightAt, off, spans }: ClockMemory): ClockDoubt {
  return { ...(rightAt !== undefined && { right: { at: rightAt } }), ...(off && { off }), spans };
}

/** What is to be written down now; undefined where what was written last says enough. */
export function toRemember({ right, off, spans }: ClockDoubt, last: ClockMemory | undefined): ClockMemory | undefined {
  const memory: ClockMemory = {
    ...(right && { rightAt: right.at }),
    ...(off && { off: { at: off.at, behindMs: Math.ceil(off.behindMs / MINUTE_MS) * MINUTE_MS } }),
    spans,
  };
  const isSame = (isRight(memory) && isRight(last)) || textOf(memory) === textOf(last);
  const sinceMs = Math.abs((memory.rightAt ?? 0) - (last?.rightAt ?? 0));
  return isSame && sinceMs < RIGHT_KEPT_EVERY_MS ? undefined : memory;
}

/** Nothing speaks against its clock, nor ever has. */
function isRight(memory: ClockMemory | undefined): boolean {
  return !memory?.off && (memory?.spans ?? []).length === 0;
}

function textOf(memory: ClockMemory | undefined): string {
  return JSON.stringify([memory?.off, memory?.spans ?? []]);
}

/** @param round with how often the wall was set until then: where it was, the meter's clock may have been right all along */
export function seenClock(before: ClockDoubt, round: Round, clockOffMsMax: Millis): ClockDoubt {
  const { clockOffsetMs, startedAt, endedAt, wallSteps: steps = 0 } = round;
  const { right, off, spans } = before;
  if (isClockOff(round, clockOffMsMax) || isClockRefused(round)) {
    const begun = off ?? { at: startedAt, steps, ...right, behindMs: 0 };
    return { ...before, off: { ...begun, behindMs: Math.max(begun.behindMs, -(clockOffsetMs ?? 0)) } };
  }
  if (clockOffsetMs === undefined) return before;
  const now = { at: endedAt, steps };
  if (!off || (off.steps !== undefined && off.steps !== steps)) return { right: now, spans };
  // What is frozen in this very minute is frozen by the clock that is right.
  const end = endedAt - clockOffMsMax;
  return { right: now, spans: withSpan(spans, { start: off.at - off.behindMs, end }) };
}

function withSpan(spans: readonly Span[], fresh: Span): readonly Span[] {
  const young = spans.filter(({ end }) => end >= fresh.end - SPAN_KEPT_MS);
  const [first, second, ...rest] = [...young, fresh];
  if (!first || !second || rest.length + 2 <= SPANS_MAX) return [...young, fresh];
  return [{ start: Math.min(first.start, second.start), end: Math.max(first.end, second.end) }, ...rest];
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
