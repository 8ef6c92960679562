import { z } from 'zod';
import type { Store } from '../machine/store.ts';
import { type Damage, STREAMS, type Stream } from './api.ts';
import { decoding } from './codec.ts';
import { isDamage, openRow, sealRow } from './frame.ts';
import { below, HEADS_KEY, journalKey, journalPrefix } from './keys.ts';
import { decodeRow, walk } from './rows.ts';

/** The vital record: written with every batch, so that a journal that lost its end is noticed. */
export interface Heads extends Record<Stream, number> {
  /** The last entries that were given up, with what they named; entries begin after them. */
  low: Record<Stream, number>;
  /** The highest message id ever given out. */
  lastId: number;
  /** How many messages the outbox holds. */
  waiting: number;
}

const count = z.int().min(0);
const counts = {
  readings: count.default(0),
  samples: count.default(0),
  intervals: count.default(0),
  delivery: count.default(0),
  audit: count.default(0),
};
export const headsPayload = z.object({
  ...counts,
  low: z.object(counts).prefault({}),
  lastId: count.default(0),
  waiting: count.default(0),
});

export function cloneHeads(heads: Heads): Heads {
  return { ...heads, low: { ...heads.low } };
}

export function encodeHeads(heads: Heads): Uint8Array {
  return sealRow(HEADS_KEY, 0, heads);
}

export interface FoundHeads {
  readonly heads: Heads;
  /** What contradicts what: the record against the ends of the journals and the messages. */
  readonly damage: readonly Damage[];
  /** The record itself cannot be read: where the journals begin it does not say. */
  readonly isLost: boolean;
}

/** The highest numbers that anything in the store speaks of, so that none is given out again. */
export async function loadHeads(store: Store): Promise<FoundHeads> {
  const damage: Damage[] = [];
  const bytes = await store.get(HEADS_KEY);
  const stored = bytes && decodeRow(HEADS_KEY, bytes, (row) => decoding(row, () => headsPayload.parse(row.payload)));
  if (stored && isDamage(stored)) damage.push(stored);
  const heads: Heads = stored && !isDamage(stored) ? stored : headsPayload.parse({});

  for (const stream of STREAMS) {
    const end = Math.max(heads.low[stream], await lastNumber(store, journalPrefix(stream), damage));
    if (end < heads[stream])
      damage.push({ key: journalPrefix(stream), detail: `ends at ${end}, was written up to ${heads[stream]}` });
    if (end > heads[stream]) {
      damage.push({ key: HEADS_KEY, detail: `says ${stream} ends at ${heads[stream]}, the journal has ${end}` });
      heads[stream] = end;
    }
  }
  const lastMessage = await lastNumber(store, 'm/', damage);
  if (lastMessage > heads.lastId) {
    damage.push({ key: HEADS_KEY, detail: `says the last message id is ${heads.lastId}, there is ${lastMessage}` });
    heads.lastId = lastMessage;
  }
  return { heads, damage, isLost: !stored || isDamage(stored) };
}

/**
 * Where the journals begin when the vital record is lost: as the second copy last knew, else at their first entry. What retention
 * gave up is not to be taken for lost; two years of a large site are a hundred million entries.
 */
export async function beginnings(store: Store, copy: Heads | undefined): Promise<Record<Stream, number>> {
  if (copy) return { ...copy.low };
  const low = { ...headsPayload.parse({}).low };
  for (const stream of STREAMS) {
    const prefix = journalPrefix(stream);
    for await (const [key, bytes] of walk(store, below(prefix), false)) {
      if (isDamage(openRow(key, bytes))) continue;
      low[stream] = Number(key.slice(prefix.length)) - 1;
      break;
    }
  }
  return low;
}

/**
 * A lost table brings back the vital record as it was before retention gave up what it says begins the journals: taken for true, all
 * of that would be missed. Where the first entry is not there, they begin where the second copy says.
 */
export async function laterBeginnings(store: Store, known: Heads, copy: Heads): Promise<Record<Stream, number>> {
  const low = { ...known.low };
  for (const stream of STREAMS)
    if (copy.low[stream] > low[stream] && !(await store.get(journalKey(stream, low[stream] + 1))))
      low[stream] = copy.low[stream];
  return low;
}

/**
 * The number at the end of the last intact key below a prefix; 0 when there is none. A key that a flipped bit has made is
 * passed over: believed, it would leave a gap of millions.
 */
async function lastNumber(store: Store, prefix: string, damage: Damage[]): Promise<number> {
  for await (const [key, bytes] of walk(store, below(prefix), true)) {
    const row = openRow(key, bytes);
    // A mark stands only where an entry of that number was.
    if (!isDamage(row) || (row.quarantined && prefix.startsWith('j/'))) return Number(key.slice(prefix.length));
    if (!row.quarantined) damage.push(row);
  }
  return 0;
}
