import { compare } from '../core/decimal.ts';
import { convert, type Quantity, UNITS } from '../core/quantity.ts';
import type { DeviceId, Reading, ReadingSource } from '../core/reading.ts';
import { HOUR_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';
import type { Conflict, KeptRound, Stream } from './api.ts';
import { decodeReadings, decodeReadingsOf, encodeReadings, type StoredReading } from './codec.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { below, clockText, type KeyRange, keyParts, readingDay, readingKey, readingsPrefix } from './keys.ts';
import type { Recent } from './recent.ts';
import { type Asked, recentReadings } from './recent-readings.ts';
import type { Rows } from './rows.ts';

export const STREAM_OF_SOURCE: Readonly<Record<ReadingSource, Stream>> = { stored: 'readings', sampled: 'samples' };
const SOURCES = ['sampled', 'stored'] as const satisfies readonly ReadingSource[];

export function keepRound(journal: Journal, readings: readonly Reading[]): Promise<KeptRound> {
  return journal.write(async (draft) => {
    const groups = byRow(readings);
    await draft.load([...groups.keys()]);
    let written = 0;
    const conflicts: Conflict[] = [];
    for (const group of groups.values()) {
      const place = await findPlace(draft, group[0]!);
      const fresh: StoredReading[] = [];
      for (const reading of group) {
        const others = [...place.stored, ...fresh].filter((stored) => stored.reading.quantity === reading.quantity);
        if (others.some((stored) => sameValue(stored.reading, reading))) continue;
        const first = others.find((stored) => !stored.contradicts && !isRefutedBy(stored.reading, reading));
        fresh.push({ reading, contradicts: first !== undefined });
        if (first) conflicts.push({ kept: reading, contradicts: first.reading });
      }
      if (fresh.length > 0) draft.add(STREAM_OF_SOURCE[group[0]!.source], place.key, encodeReadings(fresh));
      written += fresh.length;
    }
    return { written, known: readings.length - written, conflicts };
  });
}

/** What was frozen by a clock that was known to be wrong cannot contradict a value that can be believed. */
function isRefutedBy(stored: Reading, reading: Reading): boolean {
  return stored.flags.includes('clock-invalid') && !reading.flags.includes('clock-invalid');
}

/** The readings that share a row, by the row's key. */
function byRow(readings: readonly Reading[]): Map<string, Reading[]> {
  const groups = new Map<string, Reading[]>();
  let last: Reading[] | undefined;
  for (const reading of readings) {
    // Most often all of a round share one row.
    if (last && isOfRow(last[0]!, reading)) {
      last.push(reading);
      continue;
    }
    const key = readingKey(reading.device, reading.at, reading.source, 1);
    last = groups.get(key) ?? [];
    last.push(reading);
    groups.set(key, last);
  }
  return groups;
}

function isOfRow(one: Reading, { device, at, source }: Reading): boolean {
  return one.at === at && one.source === source && one.device === device;
}

/**
 * The first free row of an instant, and what the rows before it say. A damaged record keeps its place: it is evidence, and
 * what is told again is kept beside it.
 */
async function findPlace(
  draft: Draft,
  { device, at, source }: Reading,
): Promise<{ key: string; stored: StoredReading[] }> {
  const found: StoredReading[] = [];
  for (let copy = 1; ; copy++) {
    const key = readingKey(device, at, source, copy);
    const row = await draft.get(key);
    if (row === undefined) return { key, stored: found };
    const stored = isDamage(row) ? row : decodeReadings(row);
    if (!isDamage(stored)) found.push(...stored);
  }
}

/** The same index in Wh and in kWh is the same index. */
function sameValue(a: Reading, b: Reading): boolean {
  return (
    UNITS[a.unit].dimension === UNITS[b.unit].dimension && compare(a.value, convert(b.value, b.unit, a.unit)) === 0
  );
}

/**
 * Gives the number of rows. A damaged row is not named again. The others are written anew under the new entry: with the old one
 * they would be given up, and the new one would name what is gone.
 */
export async function nameReadingsAgain(journal: Journal, device: DeviceId, span: Span): Promise<number> {
  let named = 0;
  for (let day = readingDay(span.start); day <= readingDay(span.end); day = nextDay(day))
    for (const source of SOURCES)
      named += await journal.write(async (draft) => {
        const found = await draft.list(inDay(day, device, source, span));
        let count = 0;
        for (const row of found) {
          const stored = isDamage(row) ? row : decodeReadings(row);
          if (isDamage(stored)) continue;
          draft.add(STREAM_OF_SOURCE[source], row.key, encodeReadings(stored));
          count++;
        }
        return count;
      });
  return named;
}

function nextDay(day: string): string {
  return readingDay(Date.parse(day) + 24 * HOUR_MS);
}

type At = (
  device: DeviceId,
  quantity: Quantity,
  at: UtcMs,
  source?: ReadingSource,
  reachMs?: Millis,
) => Promise<Reading | undefined>;

/** Reads readings; what contradicts an earlier one is never served as the truth. */
export interface ReadingReader {
  readonly within: (
    device: DeviceId,
    quantity: Quantity,
    span: Span,
    limit?: number,
    source?: ReadingSource,
  ) => Promise<Reading[]>;
  readonly atOrBefore: At;
  readonly atOrAfter: At;
  readonly withConflicts: (
    device: DeviceId,
    quantity: Quantity,
    span: Span,
  ) => Promise<{ readonly served: readonly Reading[]; readonly conflicts: readonly Reading[] }>;
  readonly conflicts: (device: DeviceId, quantity: Quantity, span: Span) => Promise<Reading[]>;
}

export function readReadings(rows: Rows, recent: Recent): ReadingReader {
  const known = recentReadings(recent, rows);

  /** The days that have readings of any device, from one end of the range. */
  async function* days({ gte, lt }: KeyRange, reverse = false): AsyncGenerator<string> {
    let rest = { gte, lt };
    for (;;) {
      const key = await rows.firstKey(rest, reverse);
      if (key === undefined) return;
      const day = keyParts(key)[1] ?? '';
      yield day;
      rest = reverse ? { ...rest, lt: `r/${day}/` } : { ...rest, gte: below(`r/${day}/`).lt };
    }
  }

  /** Of a short span every day is looked at; what stands between the days of a long one is stepped over. */
  async function* daysOf(span: Span): AsyncGenerator<string> {
    const [first, last] = [readingDay(span.start), readingDay(span.end - 1)];
    if (span.end - span.start > DAYS_KNOWN_MAX * 24 * HOUR_MS)
      yield* days({ gte: `r/${first}/`, lt: below(`r/${last}/`).lt });
    else for (let day = first; day <= last; day = nextDay(day)) yield day;
  }

  async function collect(asked: Asked, wanted: (stored: StoredReading) => boolean, limit: number): Promise<Reading[]> {
    const { span } = asked;
    const readings: Reading[] = [];
    if (span.end <= span.start) return readings;
    const recently = known.within(asked);
    if (recently)
      return recently
        .filter(wanted)
        .slice(0, limit)
        .map(({ reading }) => reading);
    for await (const day of daysOf(span)) {
      const ofDay: Reading[] = [];
      for (const source of asked.sources) ofDay.push(...(await all(day, source, asked, wanted)));
      readings.push(...ofDay.sort((a, b) => a.at - b.at));
      if (readings.length >= limit) return readings.slice(0, limit);
    }
    return readings;
  }

  async function all(
    day: string,
    source: ReadingSource,
    { device, quantity, span }: Asked,
    wanted: (stored: StoredReading) => boolean,
  ): Promise<Reading[]> {
    const found: Reading[] = [];
    for await (const page of rows.pages(inDay(day, device, source, span), decodeReadingsOf(quantity)))
      for (const row of page)
        for (const stored of isDamage(row) ? [] : row) if (wanted(stored)) found.push(stored.reading);
    return found;
  }

  /** The first of its quantity in a range of one device and source. */
  async function first(range: KeyRange, quantity: Quantity, reverse: boolean): Promise<Reading[]> {
    const served = ({ contradicts }: StoredReading) => !contradicts;
    const row = await rows.find(range, decodeReadingsOf(quantity), reverse, (stored) => stored.some(served));
    return (row?.filter(served) ?? []).slice(0, 1).map(({ reading }) => reading);
  }

  async function nearest(asked: Asked, reverse: boolean): Promise<Reading | undefined> {
    const { span } = asked;
    // Whoever asks for the nearest follows what is read now, and asks again.
    for (const source of asked.sources)
      if (!recent.newest(asked.device, source))
        await recent.learn(asked.device, source, reverse ? span.end - 1 : span.start);
    const recently = known.nearest(asked, reverse);
    return recently ? recently.reading : nearestOnDisk(asked, reverse);
  }

  async function nearestOnDisk(asked: Asked, reverse: boolean): Promise<Reading | undefined> {
    const { span } = asked;
    const [first, last] = [readingDay(span.start), readingDay(span.end - 1)];
    const range = { gte: `r/${first}/`, lt: below(`r/${last}/`).lt };
    // Most often it stands in the nearest day that it can.
    const nearDay = reverse ? last : first;
    const near = await nearestIn(nearDay, asked, reverse);
    if (near || first === last) return near;
    for await (const day of days(range, reverse)) {
      const one = day === nearDay ? undefined : await nearestIn(day, asked, reverse);
      if (one) return one;
    }
    return undefined;
  }

  async function nearestIn(day: string, asked: Asked, reverse: boolean): Promise<Reading | undefined> {
    const found: Reading[] = [];
    for (const source of asked.sources)
      found.push(...(await first(inDay(day, asked.device, source, asked.span), asked.quantity, reverse)));
    found.sort((a, b) => a.at - b.at);
    return reverse ? found.at(-1) : found[0];
  }

  const isServed = ({ contradicts }: StoredReading) => !contradicts;
  return {
    within: (device, quantity, span, limit = Number.POSITIVE_INFINITY, source) =>
      collect({ device, quantity, span, sources: sourcesOf(source) }, isServed, limit),
    async withConflicts(device, quantity, span) {
      const conflicts: Reading[] = [];
      const isServedElseKept = (stored: StoredReading) => {
        if (stored.contradicts) conflicts.push(stored.reading);
        return isServed(stored);
      };
      const served = await collect(
        { device, quantity, span, sources: SOURCES },
        isServedElseKept,
        Number.POSITIVE_INFINITY,
      );
      return { served, conflicts };
    },
    conflicts: (device, quantity, span) =>
      collect({ device, quantity, span, sources: SOURCES }, ({ contradicts }) => contradicts, Number.POSITIVE_INFINITY),
    atOrBefore: (device, quantity, at, source, reachMs = LATEST) =>
      nearest(
        {
          device,
          quantity,
          span: { start: Math.max(EARLIEST, at - reachMs), end: at + 1 },
          sources: sourcesOf(source),
        },
        true,
      ),
    atOrAfter: (device, quantity, at, source, reachMs = LATEST) =>
      nearest(
        { device, quantity, span: { start: at, end: Math.min(LATEST, at + reachMs + 1) }, sources: sourcesOf(source) },
        false,
      ),
  };
}

function sourcesOf(source: ReadingSource | undefined): readonly ReadingSource[] {
  return source ? [source] : SOURCES;
}

const DAYS_KNOWN_MAX = 2;

/** The years that a key can hold. */
const EARLIEST: UtcMs = 0;
const LATEST: UtcMs = Date.UTC(9999, 11, 31);

/** The part of a span that lies in one day. */
function inDay(day: string, device: DeviceId, source: ReadingSource, { start, end }: Span): KeyRange {
  const prefix = readingsPrefix(day, device, source);
  return {
    gte: day === readingDay(start) ? `${prefix}${clockText(start)}` : prefix,
    lt: day === readingDay(end) ? `${prefix}${clockText(end)}` : below(prefix).lt,
  };
}
