import { compare } from '../core/decimal.ts';
import { convert, type Quantity, UNITS } from '../core/quantity.ts';
import type { DeviceId, Reading, ReadingSource } from '../core/reading.ts';
import type { Span, UtcMs } from '../core/time.ts';
import type { Conflict, KeptRound } from './api.ts';
import { decodeReading, encodeReading, type StoredReading } from './codec.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { type KeyRange, readingKey, readingsPrefix, timeText } from './keys.ts';
import type { Rows } from './rows.ts';

export function keepRound(journal: Journal, readings: readonly Reading[]): Promise<KeptRound> {
  return journal.write(async (draft) => {
    await draft.load(readings.map((reading) => firstKey(reading)));
    let written = 0;
    const conflicts: Conflict[] = [];
    for (const reading of readings) {
      const place = await findPlace(draft, reading);
      if (!place) continue;
      const contradicts = place.first !== undefined;
      draft.add('readings', place.key, encodeReading({ reading, contradicts }));
      written++;
      if (place.first) conflicts.push({ kept: reading, contradicts: place.first });
    }
    return { written, known: readings.length - written, conflicts };
  });
}

function firstKey({ device, quantity, at, source }: Reading): string {
  return readingKey(device, quantity, at, source, 1);
}

/**
 * Where a reading goes, or undefined when its value is there already. `first` is the reading of the same instant that it
 * contradicts. A damaged record keeps its place: it is evidence, and the reading is kept beside it.
 */
async function findPlace(draft: Draft, reading: Reading): Promise<{ key: string; first?: Reading } | undefined> {
  const { device, quantity, at, source } = reading;
  let first: Reading | undefined;
  for (let copy = 1; ; copy++) {
    const key = readingKey(device, quantity, at, source, copy);
    const row = await draft.get(key);
    if (row === undefined) return first ? { key, first } : { key };
    const stored = isDamage(row) ? row : decodeReading(row);
    if (isDamage(stored)) continue;
    if (sameValue(stored.reading, reading)) return undefined;
    if (!stored.contradicts) first ??= stored.reading;
  }
}

/** The same index in Wh and in kWh is the same index. */
function sameValue(a: Reading, b: Reading): boolean {
  return (
    UNITS[a.unit].dimension === UNITS[b.unit].dimension && compare(a.value, convert(b.value, b.unit, a.unit)) === 0
  );
}

/** Reads readings; what contradicts an earlier one is never served as the truth. */
export interface ReadingReader {
  readonly within: (device: DeviceId, quantity: Quantity, span: Span, limit?: number) => Promise<Reading[]>;
  readonly atOrBefore: (
    device: DeviceId,
    quantity: Quantity,
    at: UtcMs,
    source?: ReadingSource,
  ) => Promise<Reading | undefined>;
  readonly atOrAfter: (
    device: DeviceId,
    quantity: Quantity,
    at: UtcMs,
    source?: ReadingSource,
  ) => Promise<Reading | undefined>;
  readonly conflicts: (device: DeviceId, quantity: Quantity, span: Span) => Promise<Reading[]>;
}

export function readReadings(rows: Rows): ReadingReader {
  async function collect(range: KeyRange, wanted: (stored: StoredReading) => boolean, limit: number, reverse = false) {
    const readings: Reading[] = [];
    if (limit < 1) return readings;
    for await (const stored of rows.each(range, decodeReading, reverse)) {
      if (!wanted(stored)) continue;
      readings.push(stored.reading);
      if (readings.length === limit) break;
    }
    return readings;
  }
  const from =
    (source: ReadingSource | undefined) =>
    ({ reading, contradicts }: StoredReading) =>
      !contradicts && (source === undefined || reading.source === source);

  return {
    within: (device, quantity, span, limit = Number.POSITIVE_INFINITY) =>
      collect(between(device, quantity, span), from(undefined), limit),
    conflicts: (device, quantity, span) =>
      collect(between(device, quantity, span), ({ contradicts }) => contradicts, Number.POSITIVE_INFINITY),
    async atOrBefore(device, quantity, at, source) {
      const prefix = readingsPrefix(device, quantity);
      const range = { gte: prefix, lt: `${prefix}${timeText(at + 1)}` };
      const [reading] = await collect(range, from(source), 1, true);
      return reading;
    },
    async atOrAfter(device, quantity, at, source) {
      const prefix = readingsPrefix(device, quantity);
      const range = { gte: `${prefix}${timeText(at)}`, lt: `${prefix}:` };
      const [reading] = await collect(range, from(source), 1);
      return reading;
    },
  };
}

/** Times begin with a digit; ':' is the byte after '9'. */
function between(device: DeviceId, quantity: Quantity, span: Span): KeyRange {
  const prefix = readingsPrefix(device, quantity);
  return { gte: `${prefix}${timeText(span.start)}`, lt: `${prefix}${timeText(span.end)}` };
}
