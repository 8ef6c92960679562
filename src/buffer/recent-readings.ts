import type { Quantity } from '../core/quantity.ts';
import type { DeviceId, Reading, ReadingSource } from '../core/reading.ts';
import type { Span } from '../core/time.ts';
import { decodeReadingsOf, type StoredReading } from './codec.ts';
import { isDamage } from './frame.ts';
import { timeText } from './keys.ts';
import type { Recent, RecentRow } from './recent.ts';
import type { Rows } from './rows.ts';

/** What is looked for: readings of a quantity of a device, of one source or of all of them. */
export interface Asked {
  readonly device: DeviceId;
  readonly quantity: Quantity;
  readonly span: Span;
  readonly sources: readonly ReadingSource[];
}

/** Answers from the newest rows, where they are enough. Undefined: the store must be asked. */
export interface RecentReadings {
  /** The first or the last served reading of the span. */
  nearest(asked: Asked, reverse: boolean): { readonly reading: Reading | undefined } | undefined;
  /** Every reading of the span, by rising time, also what contradicts. */
  within(asked: Asked): readonly StoredReading[] | undefined;
}

export function recentReadings(
  recent: Pick<Recent, 'newest'>,
  rows: Pick<Rows, 'decodeKept' | 'onDamage'>,
): RecentReadings {
  /** Of a damaged row the store must be asked, so that it is met there. */
  function ofQuantity({ key, bytes }: RecentRow, quantity: Quantity): readonly StoredReading[] | undefined {
    const stored = rows.decodeKept(key, bytes, decodeReadingsOf(quantity));
    if (!isDamage(stored)) return stored;
    rows.onDamage(stored);
    return undefined;
  }

  /** The first or the last one of a source. */
  function ofSource(
    { device, quantity, span }: Asked,
    source: ReadingSource,
    reverse: boolean,
  ): { readonly reading: Reading | undefined } | undefined {
    const window = recent.newest(device, source);
    if (!window) return undefined;
    const isWhole = timeText(span.start) > window.from;
    // All from some instant on are known: from the late end they may be enough all the same.
    if (!isWhole && !reverse) return undefined;
    for (const row of ordered(rowsIn(window.rows, span), reverse)) {
      const found = ofQuantity(row, quantity);
      if (!found) return undefined;
      const served = found.find(({ contradicts }) => !contradicts);
      if (served) return { reading: served.reading };
    }
    return isWhole ? { reading: undefined } : undefined;
  }

  return {
    nearest(asked, reverse) {
      // A device without an archive has nothing stored however far one looks: what the other source has bounds the look.
      const bounded = { ...asked };
      const answered = new Map<ReadingSource, Reading | undefined>();
      for (let before = -1; before < answered.size && answered.size < asked.sources.length; ) {
        before = answered.size;
        for (const source of asked.sources) {
          const found = answered.has(source) ? undefined : ofSource(bounded, source, reverse);
          if (!found) continue;
          answered.set(source, found.reading);
          if (found.reading) bounded.span = upTo(found.reading, bounded.span, reverse);
        }
      }
      if (answered.size < asked.sources.length) return undefined;
      return { reading: nearestOf(asked.sources, answered, reverse) };
    },

    within({ device, quantity, span, sources }) {
      const all: StoredReading[] = [];
      for (const source of sources) {
        const window = recent.newest(device, source);
        if (!window || timeText(span.start) <= window.from) return undefined;
        for (const row of rowsIn(window.rows, span)) {
          const found = ofQuantity(row, quantity);
          if (!found) return undefined;
          all.push(...found);
        }
      }
      return all.sort((a, b) => a.reading.at - b.reading.at);
    },
  };
}

/** The part of a span in which something as near as a reading may stand. */
function upTo({ at }: Reading, { start, end }: Span, reverse: boolean): Span {
  return reverse ? { start: Math.max(start, at), end } : { start, end: Math.min(end, at + 1) };
}

/** Of one instant the stored reading counts when looked for backwards, the sampled one forwards: as on the disk. */
function nearestOf(
  sources: readonly ReadingSource[],
  found: ReadonlyMap<ReadingSource, Reading | undefined>,
  reverse: boolean,
): Reading | undefined {
  let nearest: Reading | undefined;
  for (const source of sources) {
    const reading = found.get(source);
    const isNearer = reading && (!nearest || (reverse ? reading.at >= nearest.at : reading.at < nearest.at));
    if (isNearer) nearest = reading;
  }
  return nearest;
}

function rowsIn(rows: readonly RecentRow[], { start, end }: Span): readonly RecentRow[] {
  const [from, to] = [timeText(start), timeText(end)];
  return rows.filter(({ time }) => from <= time && time < to);
}

function ordered<T>(rows: readonly T[], reverse: boolean): readonly T[] {
  return reverse ? [...rows].reverse() : rows;
}
