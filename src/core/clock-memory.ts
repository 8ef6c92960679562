import type { Millis, Span, UtcMs } from './time.ts';

/** What must be remembered of a meter's clock, also when the program starts again. */
export interface ClockMemory {
  /** When it was seen right; to the hour, what came after may be forgotten. */
  readonly rightAt?: UtcMs;
  /** It was off when it was seen last: since when at the earliest, and how far back it showed again what it had shown before. */
  readonly off?: { readonly at: UtcMs; readonly behindMs: Millis };
  /** Stamps that are not believed. */
  readonly spans: readonly Span[];
}
