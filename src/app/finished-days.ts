import type { Buffer } from '../buffer/index.ts';
import type { PointCode } from '../core/interval.ts';
import type { MarketDay } from '../core/time.ts';

/** Days of points whose last word was said with all readings that there are: said again it would be the same. */
export interface FinishedDays {
  has(point: PointCode, day: MarketDay): boolean;
  /** Does the work that says it, and notes that unless readings came meanwhile. */
  note(point: PointCode, day: MarketDay, finish: () => Promise<void>): Promise<void>;
  forget(point: PointCode, day: MarketDay): void;
  forgetAll(): void;
}

/** Forgets all by itself whenever a reading comes, whichever it is: what it means for which day only finishing tells. */
export function createFinishedDays(buffer: Pick<Buffer, 'onChange'>): FinishedDays {
  const finished = new Set<string>();
  let rounds = 0;
  buffer.onChange((streams) => {
    if (!streams.has('readings') && !streams.has('samples')) return;
    rounds += 1;
    finished.clear();
  });
  const nameOf = (point: PointCode, day: MarketDay) => `${point}/${day}`;
  return {
    has: (point, day) => finished.has(nameOf(point, day)),
    async note(point, day, finish) {
      const before = rounds;
      await finish();
      if (rounds === before) finished.add(nameOf(point, day));
    },
    forget: (point, day) => finished.delete(nameOf(point, day)),
    forgetAll: () => finished.clear(),
  };
}
