import { nextBoundary } from '../core/schedule.ts';
import { MINUTE_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';

/** One archive dialogue asks for at most so many intervals, so that it is soon over when a boundary comes. */
const INTERVALS_MAX = 24;

/** An archive that had nothing of what is missing is asked again after 1, 2, 4 ... boundaries, at the most after so many. */
const PAUSES_MAX = 24;

/** How far the refill of one device has come. Gaps are looked for in passes; a pass asks for each gap once. */
export interface Refill {
  /** Still to be asked for in this pass, oldest first. Taken from the end: what is fresh is worth most. */
  readonly chunks: readonly Span[];
  /** When to go on, or to look for gaps again. */
  readonly at: UtcMs;
  /** Boundaries between two passes. */
  readonly pauses: number;
  readonly asked: boolean;
  readonly gained: boolean;
}

export function firstRefill(now: UtcMs): Refill {
  return { chunks: [], at: now, pauses: 1, asked: false, gained: false };
}

/** Begins a pass. */
export function withGaps(refill: Refill, gaps: readonly Span[], minutes: number): Refill {
  return { ...refill, chunks: chunksOf(gaps, minutes), asked: false, gained: false };
}

/** The newest chunk was asked for; `gained`: the archive had something of it. */
export function withoutNewest(refill: Refill, gained: boolean): Refill {
  return { ...refill, chunks: refill.chunks.slice(0, -1), asked: true, gained: refill.gained || gained };
}

/** The pass is over: nothing is left, or the archive does not answer. */
export function restUntilNextPass(refill: Refill, minutes: number, now: UtcMs, settleMs: Millis): Refill {
  const pauses = refill.asked && !refill.gained ? Math.min(PAUSES_MAX, 2 * refill.pauses) : 1;
  const at = nextBoundary(now, minutes) + (pauses - 1) * minutes * MINUTE_MS + 2 * settleMs;
  return { chunks: [], at, pauses, asked: false, gained: false };
}

/** True when the wall stepped back so far that the next pass would come too late. */
export function isFarOff(refill: Refill, minutes: number, now: UtcMs): boolean {
  return refill.at > now + 2 * PAUSES_MAX * minutes * MINUTE_MS;
}

/** Gaps cut into archive requests, oldest first. */
export function chunksOf(gaps: readonly Span[], minutes: number): Span[] {
  const longest = INTERVALS_MAX * minutes * MINUTE_MS;
  const chunks = gaps.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / longest) }, (_, n) => ({
      start: start + n * longest,
      end: Math.min(end, start + (n + 1) * longest),
    })),
  );
  return chunks.sort((a, b) => a.start - b.start);
}
