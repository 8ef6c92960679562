import type { Millis, Span, UtcMs } from '../../core/time.ts';

/** From this true instant on, a clock is off by so much. */
export interface ClockStep {
  readonly from: UtcMs;
  readonly offMs: Millis;
}

/** A clock that somebody set wrong, and right again: what it shows, and when it showed what. */
export interface OwnClock {
  shows(trueAt: UtcMs): UtcMs;
  /** True instants up to `until` at which it showed `own` or jumped over it, the latest first. */
  whenShowed(own: UtcMs, until: UtcMs): UtcMs[];
  offAt(trueAt: UtcMs): Millis;
  /** Each stretch of true time with how far it was off in it. */
  readonly spans: readonly (Span & { readonly offMs: Millis })[];
}

/** @param steps by rising time */
export function ownClock(steps: readonly ClockStep[]): OwnClock {
  const all: readonly ClockStep[] = [{ from: Number.NEGATIVE_INFINITY, offMs: 0 }, ...steps];
  const offAt = (trueAt: UtcMs) => all.findLast((step) => step.from <= trueAt)!.offMs;
  return {
    offAt,
    shows: (trueAt) => trueAt + offAt(trueAt),
    whenShowed(own, until) {
      if (all.length === 1) return own <= until ? [own] : [];
      const found: UtcMs[] = [];
      for (const [n, { from, offMs }] of all.entries()) {
        const end = Math.min(all[n + 1]?.from ?? Number.POSITIVE_INFINITY, until + 1);
        const at = own - offMs;
        if (at >= from && at < end) found.push(at);
        const before = all[n - 1];
        const jumpedOver = before && from + before.offMs < own && own < from + offMs;
        if (jumpedOver && from <= until) found.push(from);
      }
      return found.sort((a, b) => b - a);
    },
    spans: steps.map(({ from, offMs }, n) => ({
      start: from,
      end: steps[n + 1]?.from ?? Number.POSITIVE_INFINITY,
      offMs,
    })),
  };
}
