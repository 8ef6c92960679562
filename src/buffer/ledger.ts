import type { Interval } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import { givenOutAt } from '../core/message-id.ts';
import { HOUR_MS, type Span, type UtcMs } from '../core/time.ts';
import type { Damage, LedgerLook } from './api.ts';
import { withAllReplaced } from './carriers.ts';
import { decodeEntry } from './codec.ts';
import type { Link } from './codec-delivery.ts';
import { decodeInterval } from './codec-interval.ts';
import { isDamage, type Row } from './frame.ts';
import { type GivenUp, givenUpIn } from './given-up.ts';
import { latestIntervals } from './intervals.ts';
import {
  below,
  intervalPrefix,
  intervalsPrefix,
  journalKey,
  journalPrefix,
  keyParts,
  linkPrefix,
  timeText,
} from './keys.ts';
import type { Life } from './life.ts';
import { deliveryOf, type MessageReader } from './messages.ts';
import type { Delivery, Expected, Ledger, LedgerCounts, LedgerRow, LedgerState } from './reports.ts';
import type { Rows } from './rows.ts';

/** A wall clock may have been off by so much when an interval was made. */
const CLOCK_OFF_MS = 6 * HOUR_MS;
/** A week of quarter-hours, and some versions: what was made late in a row, after a gap, is passed over. */
const EARLIER_MAX = 1_000;

/** Counts from the records alone: intervals, links, the lives of messages, and the journal for what is gone. */
export async function makeLedger(
  rows: Rows,
  messages: MessageReader,
  expected: readonly Expected[],
  look: LedgerLook,
): Promise<Ledger> {
  const lives = new Map<MessageId, Life>();
  const made: LedgerRow[] = [];
  for (const one of expected) made.push(...(await rowsOf(rows, messages, lives, one)));
  const judged = await withGivenUp(rows, await withoutGivenUp(rows, await withoutLost(rows, made, look)));
  return { counts: countRows(judged), rows: judged };
}

export function countRows(rows: readonly LedgerRow[]): LedgerCounts {
  const counted = (state: LedgerState): number => rows.filter((row) => row.state === state).length;
  return {
    expected: rows.length,
    accepted: counted('accepted'),
    pending: counted('pending'),
    rejected: counted('rejected'),
    missing: counted('missing'),
    lost: counted('lost'),
    givenUp: counted('given-up'),
    doubled: rows.filter((row) => row.doubled).length,
  };
}

async function rowsOf(
  rows: Rows,
  messages: MessageReader,
  lives: Map<MessageId, Life>,
  { point, channel, spans }: Expected,
): Promise<LedgerRow[]> {
  if (spans.length === 0) return [];
  const first = spans.reduce((least, { start }) => Math.min(least, start), Number.POSITIVE_INFINITY);
  const last = spans.reduce((most, { start }) => Math.max(most, start), Number.NEGATIVE_INFINITY);
  const stored = await latestIntervals(rows, point, channel, { start: first, end: last + 1 });
  const { intact, damaged, brokenBefore } = stored;
  const intervals = new Map(intact.map((interval) => [interval.start, interval]));
  const gone = new Set(damaged);
  const links = new Map<UtcMs, Link[]>();
  const range = { gte: linkPrefix(point, channel, first), lt: below(linkPrefix(point, channel, last)).lt };
  for (const link of await messages.links(range)) {
    links.set(link.start, [...(links.get(link.start) ?? []), link]);
    if (!lives.has(link.message)) lives.set(link.message, await messages.life(link.message));
  }
  return spans.map(({ start, end }: Span): LedgerRow => {
    const carriers = links.get(start) ?? [];
    const interval = intervals.get(start);
    const deliveries = carriers.map((link) => deliveryOf(link, lives.get(link.message)!));
    const own = gone.has(start) ? 'lost' : stateOfInterval(interval, deliveries);
    // Its readings were given up before anybody came upon the loss: nothing is known of it any more, and something was.
    const state = own === 'missing' && brokenBefore.has(start) ? 'lost' : own;
    return {
      point,
      channel,
      start,
      end,
      state,
      doubled: isDoubled(carriers, lives),
      deliveries,
      ...(interval && { version: interval.version, quality: interval.quality }),
    };
  });
}

function stateOfInterval(interval: Interval | undefined, deliveries: readonly Delivery[]): LedgerState {
  // A message speaks of an interval, or of a version of it, that is not here: it was here.
  if (deliveries.some(({ version }) => version > (interval?.version ?? 0))) return 'lost';
  if (!interval) return 'missing';
  const carried = deliveries.filter(({ version }) => version === interval.version);
  if (carried.some(({ accepted }) => accepted)) return 'accepted';
  const open = carried.filter(({ state }) => state !== 'superseded');
  if (open.length === 0) return interval.quality === 'missing' ? 'missing' : 'pending';
  return open.every(({ state }) => state === 'rejected') ? 'rejected' : 'pending';
}

/**
 * More than one accepted message stands for the interval, whatever versions they told: the operator took it twice as news. One
 * that corrects or supersedes another takes its place; that is not a double.
 */
function isDoubled(links: readonly Link[], lives: ReadonlyMap<MessageId, Life>): boolean {
  const accepted = links.filter(({ message }) => lives.get(message)?.accepted);
  if (accepted.length < 2) return false;
  const replaced = withAllReplaced(
    accepted.flatMap(({ replaces }) => replaces),
    links,
  );
  return accepted.filter(({ message }) => !replaced.has(message)).length > 1;
}

/**
 * What has no record, or none of its newest version, may have had one: only the journal knows. It is read once, from the entry
 * before which none can name these intervals; by a look at the records alone only where an interval is missing.
 */
async function withoutLost(rows: Rows, made: readonly LedgerRow[], look: LedgerLook): Promise<LedgerRow[]> {
  const asked = made.filter((row) => row.state !== 'lost' && (look === 'whole' || row.version === undefined));
  if (asked.length === 0) return [...made];
  const newest = new Map(asked.map((row) => [prefixOf(row), row.version ?? 0]));
  const checksums = new Map(asked.filter(({ state }) => state === 'missing').map((row) => [prefixOf(row), '']));
  const gone = new Set<string>();
  for await (const [prefix, version, checksum] of namedFrom(rows, await firstThatMayName(rows, asked))) {
    const known = newest.get(prefix);
    if (known === undefined || version < known) continue;
    const before = checksums.get(prefix);
    // Nothing credible took the number of what nobody had seen to be gone.
    if (version > known || (before && before !== checksum)) gone.add(prefix);
    if (before === '') checksums.set(prefix, checksum);
  }
  return made.map((row) => (gone.has(prefixOf(row)) ? { ...row, state: 'lost' } : row));
}

/** What the journal names from an entry on: the interval's key up to its version, the version, and the checksum of its record. */
async function* namedFrom(
  rows: Rows,
  first: number,
): AsyncGenerator<[prefix: string, version: number, checksum: string]> {
  const from = { ...below(journalPrefix('intervals')), gte: journalKey('intervals', first) };
  for await (const entry of rows.each(from, decodeEntry))
    for (const [key, checksum] of entry) {
      const cut = key.lastIndexOf('/') + 1;
      yield [key.slice(0, cut), Number(key.slice(cut)), checksum];
    }
}

/**
 * An accepted interval that was given up for its age, while the message that told it is still there: it is not lost. Entries are
 * given up in their order up to the first one that is young; what is older than that one names was given up, unless it came late:
 * then a later entry names it still, or a mark or a damaged row stands in its place.
 */
async function withoutGivenUp(rows: Rows, made: readonly LedgerRow[]): Promise<LedgerRow[]> {
  const isOnlyTold = ({ state, version, deliveries }: LedgerRow) =>
    state === 'lost' && version === undefined && deliveries.some(({ accepted }) => accepted);
  if (!made.some(isOnlyTold)) return [...made];
  const oldest = await oldestNamed(rows);
  const given = new Map(made.filter((row) => isOnlyTold(row) && row.start < oldest).map((row) => [prefixOf(row), row]));
  for (const prefix of given.keys())
    if ((await rows.firstKey(below(prefix), false)) !== undefined) given.delete(prefix);
  if (given.size > 0) for await (const [prefix] of namedFrom(rows, 0)) given.delete(prefix);
  return made.map((row) => (given.has(prefixOf(row)) ? { ...row, state: 'accepted' } : row));
}

async function oldestNamed(rows: Rows): Promise<UtcMs> {
  for await (const entry of rows.each(below(journalPrefix('intervals')), decodeEntry))
    return Math.min(...entry.map(([key]) => Date.parse(keyParts(key)[3] ?? '')));
  return Number.NEGATIVE_INFINITY;
}

/**
 * Of what nothing is left: what was accepted and given up for its age. Made again from readings that are kept longer it is the
 * same still; what a person entered since is new. A message that speaks of it may be left, without its end: a link that was
 * damaged and put back goes when its own turn comes, after what it names.
 */
async function withGivenUp(rows: Rows, made: readonly LedgerRow[]): Promise<LedgerRow[]> {
  const mayBe = ({ state, quality, version, deliveries }: LedgerRow) =>
    state === 'lost'
      ? quality === 'missing' || (version === undefined && deliveries.length > 0)
      : (state === 'missing' || state === 'pending') && deliveries.length === 0 && quality !== 'substituted';
  const asked = new Map<string, LedgerRow[]>();
  for (const row of made.filter(mayBe)) {
    const key = intervalsPrefix(row.point, row.channel);
    const own = asked.get(key);
    if (own) own.push(row);
    else asked.set(key, [row]);
  }
  const gone = new Map<LedgerRow, GivenUp>();
  for (const own of asked.values()) {
    const [{ point, channel, start }, { end }] = [own[0]!, own.at(-1)!];
    const spans = await givenUpIn(rows, point, channel, { start, end });
    for (const row of own) {
      const found = spans.find((span) => span.start <= row.start && row.start < span.end);
      if (found && (await isAllOlder(rows, row, found))) gone.set(row, found);
    }
  }
  if (gone.size === 0) return [...made];
  return made.map((row) => {
    const found = gone.get(row);
    if (!found) return row;
    return { ...row, state: 'given-up', ...(found.at !== undefined && { givenUpAt: found.at }) };
  });
}

/** Of one without a record: nothing was made or told of it since it went, and no damaged record stands in its place. */
async function isAllOlder(rows: Rows, row: LedgerRow, { at }: GivenUp): Promise<boolean> {
  if (row.state !== 'lost' || row.version !== undefined) return true;
  if (row.deliveries.some(({ message }) => at === undefined || givenOutAt(message) >= at)) return false;
  return (await rows.firstKey(below(prefixOf(row)), false)) === undefined;
}

/** The number of a journal entry before which none can name any of these intervals: they were not over yet when it was written. */
async function firstThatMayName(rows: Rows, asked: readonly LedgerRow[]): Promise<number> {
  const firsts = new Map<string, LedgerRow>();
  for (const row of asked) {
    const key = intervalsPrefix(row.point, row.channel);
    if (row.start < (firsts.get(key)?.start ?? Number.POSITIVE_INFINITY)) firsts.set(key, row);
  }
  let least = Number.POSITIVE_INFINITY;
  for (const first of firsts.values()) least = Math.min(least, await entryBefore(rows, first));
  return least;
}

/**
 * The entry of an earlier interval of the same channel that was itself made before this one was over; 0 where none is found soon.
 * Who was made after its own end was stamped by a clock that was not set back.
 */
async function entryBefore(rows: Rows, { point, channel, start, end }: LedgerRow): Promise<number> {
  const prefix = intervalsPrefix(point, channel);
  let looked = 0;
  for await (const { sequence, interval } of rows.each(
    { gte: prefix, lt: `${prefix}${timeText(start)}` },
    made,
    true,
  )) {
    if (interval.madeAt >= interval.end && interval.madeAt < end - CLOCK_OFF_MS) return sequence;
    if (++looked >= EARLIER_MAX) break;
  }
  return 0;
}

function made(row: Row): { sequence: number; interval: Interval } | Damage {
  const interval = decodeInterval(row);
  return isDamage(interval) ? interval : { sequence: row.sequence, interval };
}

function prefixOf({ point, channel, start }: LedgerRow): string {
  return intervalPrefix(point, channel, start);
}
