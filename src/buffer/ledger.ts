import type { Interval } from '../core/interval.ts';
import type { MessageId } from '../core/message.ts';
import type { Span, UtcMs } from '../core/time.ts';
import { decodeEntry } from './codec.ts';
import type { Link } from './codec-delivery.ts';
import { latestIntervals } from './intervals.ts';
import { below, intervalPrefix, journalPrefix, linkPrefix } from './keys.ts';
import { type Life, stateOf } from './life.ts';
import type { MessageReader } from './messages.ts';
import type { Delivery, Expected, Ledger, LedgerRow, LedgerState } from './reports.ts';
import type { Rows } from './rows.ts';

/** Counts from the records alone: intervals, links, the lives of messages, and the journal for what is gone. */
export async function makeLedger(rows: Rows, messages: MessageReader, expected: readonly Expected[]): Promise<Ledger> {
  const lives = new Map<MessageId, Life>();
  const made: LedgerRow[] = [];
  for (const one of expected) made.push(...(await rowsOf(rows, messages, lives, one)));
  const judged = await withoutLost(rows, made);
  const counted = (state: LedgerState): number => judged.filter((row) => row.state === state).length;
  const counts = {
    expected: judged.length,
    accepted: counted('accepted'),
    pending: counted('pending'),
    rejected: counted('rejected'),
    missing: counted('missing'),
    lost: counted('lost'),
    doubled: judged.filter((row) => row.doubled).length,
  };
  return { counts, rows: judged };
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
  const { intact, damaged } = await latestIntervals(rows, point, channel, { start: first, end: last + 1 });
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
    const deliveries = carriers.map((link) => delivery(link, lives));
    const state = gone.has(start) ? 'lost' : stateOfInterval(interval, deliveries);
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

function delivery({ message, version }: Link, lives: ReadonlyMap<MessageId, Life>): Delivery {
  const life = lives.get(message)!;
  return { message, version, state: stateOf(life), accepted: life.accepted };
}

function stateOfInterval(interval: Interval | undefined, deliveries: readonly Delivery[]): LedgerState {
  // A message speaks of an interval that is not here: it was here.
  if (!interval) return deliveries.length > 0 ? 'lost' : 'missing';
  const carried = deliveries.filter(({ version }) => version === interval.version);
  if (carried.some(({ accepted }) => accepted)) return 'accepted';
  const open = carried.filter(({ state }) => state !== 'superseded');
  if (open.length === 0) return interval.quality === 'missing' ? 'missing' : 'pending';
  return open.every(({ state }) => state === 'rejected') ? 'rejected' : 'pending';
}

/** A message that corrects or supersedes another sends unchanged intervals again by intention; that is not a double. */
function isDoubled(links: readonly Link[], lives: ReadonlyMap<MessageId, Life>): boolean {
  const accepted = links.filter(({ message }) => lives.get(message)?.accepted);
  const replaced = new Set(accepted.flatMap(({ replaces }) => replaces));
  const standing = accepted.filter(({ message }) => !replaced.has(message)).map(({ version }) => version);
  return new Set(standing).size < standing.length;
}

/** What has no record may have had one: only the journal knows. It is read only when something is missing. */
async function withoutLost(rows: Rows, made: readonly LedgerRow[]): Promise<LedgerRow[]> {
  const missing = new Set(made.filter((row) => row.state === 'missing' && !row.quality).map(prefixOf));
  if (missing.size === 0) return [...made];
  const gone = new Set<string>();
  for await (const entry of rows.each(below(journalPrefix('intervals')), decodeEntry))
    for (const [key] of entry) {
      const prefix = key.slice(0, key.lastIndexOf('/') + 1);
      if (missing.has(prefix)) gone.add(prefix);
    }
  return made.map((row) => (row.state === 'missing' && gone.has(prefixOf(row)) ? { ...row, state: 'lost' } : row));
}

function prefixOf({ point, channel, start }: LedgerRow): string {
  return intervalPrefix(point, channel, start);
}
