import { z } from 'zod';
import type { Channel, PointCode } from '../core/interval.ts';
import { joinedSpans, MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import { decoding } from './codec.ts';
import { decodeInterval } from './codec-interval.ts';
import type { Draft } from './draft.ts';
import { isDamage, type Row } from './frame.ts';
import { givenUpKey, givenUpPrefix, keyParts, timeText } from './keys.ts';
import type { Rows } from './rows.ts';

/**
 * Which intervals were accepted and given up for their age: one row for each point, channel and month (UTC), written in the
 * batch that removes them. It outlives them by a few hundred bytes a month, so that they are never called missing, and never
 * made and sent again from readings that are kept longer.
 */
const instant = z.int().min(0);
const givenUpPayload = z.strictObject({
  /** Spans without overlap, by rising start. */
  spans: z.array(z.tuple([instant, instant])),
  /** When the last of them was given up. */
  at: instant,
});

/** An interval's record that cannot be read had at least this length. */
const LEAST_MS = 15 * MINUTE_MS;

const decodeGivenUp = (row: Row) => decoding(row, () => givenUpPayload.parse(row.payload));

/** What an interval is called by its key, and how long it was. */
export interface GoneInterval extends Span {
  readonly point: PointCode;
  readonly channel: Channel;
}

/** The interval that goes with a record, if it is one of an interval; to be asked before it is removed. */
export async function goneIntervals(draft: Draft, key: string): Promise<GoneInterval[]> {
  const [kind, point = '', channel = '', start = ''] = keyParts(key);
  if (kind !== 'i') return [];
  const row = await draft.get(key);
  const interval = row && !isDamage(row) ? decodeInterval(row) : undefined;
  const at = Date.parse(start);
  const end = interval && !isDamage(interval) ? interval.end : at + LEAST_MS;
  return [{ point, channel: channel as Channel, start: at, end }];
}

/** Notes in the same batch what it gives up. */
export async function noteGivenUp(
  draft: Draft,
  { onDamage }: Pick<Rows, 'onDamage'>,
  gone: readonly GoneInterval[],
  at: UtcMs,
): Promise<void> {
  const months = new Map<string, Span[]>();
  for (const { point, channel, start, end } of gone) {
    const key = givenUpKey(point, channel, start);
    const spans = months.get(key);
    if (spans) spans.push({ start, end });
    else months.set(key, [{ start, end }]);
  }
  for (const [key, spans] of months) {
    const row = await draft.get(key);
    const known = row && (isDamage(row) ? row : decodeGivenUp(row));
    // What is written over it is whole, so nobody would meet the damage again.
    if (known && isDamage(known)) onDamage(known);
    const before = known && !isDamage(known) ? known.spans.map(([start, end]) => ({ start, end })) : [];
    draft.set(key, { spans: joinedSpans([...before, ...spans]).map(({ start, end }) => [start, end]), at });
  }
}

export interface GivenUp extends Span {
  /** When these or others of their month were given up, at the latest. */
  readonly at: UtcMs;
}

/** What was given up of a channel in the months that a span touches. */
export async function givenUpIn(
  rows: Rows,
  point: PointCode,
  channel: Channel,
  { start, end }: Span,
): Promise<GivenUp[]> {
  const prefix = givenUpPrefix(point, channel);
  // The key of a month sorts before every instant in it, and after every instant before it.
  const range = { gte: `${prefix}${timeText(start).slice(0, 'YYYY-MM'.length)}`, lt: `${prefix}${timeText(end)}` };
  const found: GivenUp[] = [];
  for (const month of await rows.all(range, decodeGivenUp)) {
    if (isDamage(month)) continue;
    for (const [from, to] of month.spans)
      if (from < end && to > start) found.push({ start: from, end: to, at: month.at });
  }
  return found;
}
