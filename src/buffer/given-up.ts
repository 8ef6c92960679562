import { z } from 'zod';
import type { Channel, Interval, PointCode } from '../core/interval.ts';
import { HOUR_MS, joinedSpans, MINUTE_MS, type Span, type UtcMs } from '../core/time.ts';
import type { Damage } from './api.ts';
import { decoding } from './codec.ts';
import { decodeInterval } from './codec-interval.ts';
import type { Draft } from './draft.ts';
import { isDamage, type Row } from './frame.ts';
import { givenUpKey, givenUpPrefix, intervalsPrefix, type KeyRange, keyParts, timeText } from './keys.ts';
import type { Rows } from './rows.ts';

/**
 * Which intervals were accepted and given up for their age: one row for each point, channel and month (UTC), written in the
 * batch that removes them. It outlives them by a few hundred bytes a month, so that they are never called missing, and never
 * made and sent again from readings that are kept longer. No journal names it: the second copy has it.
 */
const instant = z.int().min(0);
const givenUpPayload = z.strictObject({
  /** Spans without overlap, by rising start. */
  spans: z.array(z.tuple([instant, instant])),
  /** When the last of them was given up. */
  at: instant,
});

type GivenUpMonth = z.output<typeof givenUpPayload>;

/** An interval's record that cannot be read had at least this length. */
const LEAST_MS = 15 * MINUTE_MS;

/** The least that a site file can say: what was made later than that after its end may have been given up before. */
const GIVEN_UP_AFTER_MS = 60 * 24 * HOUR_MS;

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
    if (known && isDamage(known) && !known.quarantined) onDamage(known);
    const before = !known ? [] : isDamage(known) ? await assumed(draft, key, spans) : spansOf(known);
    draft.set(key, { spans: joinedSpans([...before, ...spans]).map(({ start, end }) => [start, end]), at });
  }
}

/** Of a month whose row is damaged: what is not here of it before what is given up now. */
async function assumed(draft: Draft, key: string, spans: readonly Span[]): Promise<Span[]> {
  const { point, channel, month } = monthOfKey(key);
  const until = Math.max(...spans.map(({ start }) => start));
  const here = await draft.list(intervalRange(point, channel, { start: month.start, end: until }));
  return notHere(
    { start: month.start, end: until },
    here.map((row) => (isDamage(row) ? row : decodeInterval(row))),
  );
}

/** What the second copy tells of months, by the rows' keys. */
export type CopiedMonths = Map<string, GivenUpMonth>;

/** What is given up stays so: of two that tell of a month both are true. */
export function learnGivenUp(copied: CopiedMonths, key: string, payload: unknown): void {
  const told = givenUpPayload.safeParse(payload).data;
  if (told) copied.set(key, both(copied.get(key), told));
}

/** Gives how many rows were changed. */
export async function restoreGivenUp(draft: Draft, copied: CopiedMonths): Promise<number> {
  let changed = 0;
  for (const [key, told] of copied) {
    const row = await draft.get(key);
    const stored = row && !isDamage(row) ? decodeGivenUp(row) : undefined;
    const known = stored && !isDamage(stored) ? stored : undefined;
    const whole = both(known, told);
    if (JSON.stringify(whole.spans) === JSON.stringify(known?.spans)) continue;
    draft.set(key, whole);
    changed++;
  }
  return changed;
}

function both(one: GivenUpMonth | undefined, other: GivenUpMonth): GivenUpMonth {
  if (!one) return other;
  const spans = joinedSpans([...spansOf(one), ...spansOf(other)]);
  return { spans: spans.map(({ start, end }) => [start, end]), at: Math.max(one.at, other.at) };
}

function spansOf({ spans }: GivenUpMonth): Span[] {
  return spans.map(([start, end]) => ({ start, end }));
}

function monthOfKey(key: string): { readonly point: PointCode; readonly channel: Channel; readonly month: Span } {
  const [, point = '', channel = '', name = ''] = keyParts(key);
  const [year = 0, month = 1] = name.split('-').map(Number);
  return {
    point,
    channel: channel as Channel,
    month: { start: Date.UTC(year, month - 1), end: Date.UTC(year, month) },
  };
}

/**
 * What is given up of a month whose row is damaged, and the second copy with it: that something was is known, so whatever has no
 * record there is taken for it, and what was made again when it was old enough to have gone. A day that is over has a record of
 * each interval, be it that it is missing; else it would be called missing, and be sent again.
 */
function notHere(span: Span, here: readonly (Interval | Damage)[]): Span[] {
  const left: Span[] = [];
  let { start } = span;
  for (const one of here) {
    const at = isDamage(one) ? Date.parse(keyParts(one.key)[3] ?? '') : one.start;
    const end = isDamage(one) ? at + LEAST_MS : one.end;
    const isAgain = !isDamage(one) && one.quality !== 'substituted' && one.madeAt >= end + GIVEN_UP_AFTER_MS;
    if (isAgain) continue;
    if (at > start) left.push({ start, end: at });
    start = Math.max(start, end);
  }
  return start < span.end ? [...left, { start, end: span.end }] : left;
}

export interface GivenUp extends Span {
  /** When these or others of their month were given up, at the latest; undefined where the row that said so is damaged. */
  readonly at?: UtcMs;
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
    const spans = isDamage(month) ? await assumedIn(rows, month.key, { start, end }) : spansOf(month);
    const at = isDamage(month) ? {} : { at: month.at };
    for (const span of spans) if (span.start < end && span.end > start) found.push({ ...span, ...at });
  }
  return found;
}

async function assumedIn(rows: Rows, key: string, asked: Span): Promise<Span[]> {
  const { point, channel, month } = monthOfKey(key);
  const span = { start: Math.max(month.start, asked.start), end: Math.min(month.end, asked.end) };
  return notHere(span, await rows.all(intervalRange(point, channel, span), decodeInterval));
}

function intervalRange(point: PointCode, channel: Channel, { start, end }: Span): KeyRange {
  const prefix = intervalsPrefix(point, channel);
  return { gte: `${prefix}${timeText(start)}`, lt: `${prefix}${timeText(end)}` };
}
