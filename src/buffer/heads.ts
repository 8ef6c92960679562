import { z } from 'zod';
import type { Store } from '../machine/store.ts';
import { type Damage, STREAMS, type Stream } from './api.ts';
import { decoding } from './codec.ts';
import { isDamage, openRow, sealRow } from './frame.ts';
import { below, HEADS_KEY, journalPrefix } from './keys.ts';
import { decodeRow, walk } from './rows.ts';

/** The vital record: written with every batch, so that a journal that lost its end is noticed. */
export interface Heads extends Record<Stream, number> {
  /** The highest message id ever given out. */
  lastId: number;
  /** How many messages the outbox holds. */
  waiting: number;
}

const count = z.int().min(0);
const headsPayload = z.object({
  readings: count,
  intervals: count,
  delivery: count,
  audit: count.default(0),
  lastId: count,
  waiting: count,
});

export function cloneHeads(heads: Heads): Heads {
  return { ...heads };
}

export function encodeHeads(heads: Heads): Uint8Array {
  return sealRow(HEADS_KEY, 0, heads);
}

export interface FoundHeads {
  readonly heads: Heads;
  /** What contradicts what: the record against the ends of the journals and the messages. */
  readonly damage: readonly Damage[];
}

/** The highest numbers that anything in the store speaks of, so that none is given out again. */
export async function loadHeads(store: Store): Promise<FoundHeads> {
  const damage: Damage[] = [];
  const bytes = await store.get(HEADS_KEY);
  const stored = bytes && decodeRow(HEADS_KEY, bytes, (row) => decoding(row, () => headsPayload.parse(row.payload)));
  if (stored && isDamage(stored)) damage.push(stored);
  const heads: Heads =
    stored && !isDamage(stored)
      ? { ...stored }
      : { readings: 0, intervals: 0, delivery: 0, audit: 0, lastId: 0, waiting: 0 };

  for (const stream of STREAMS) {
    const end = await lastNumber(store, journalPrefix(stream), damage);
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
  return { heads, damage };
}

/**
 * The number at the end of the last intact key below a prefix; 0 when there is none. A key that a flipped bit has made is
 * passed over: believed, it would leave a gap of millions.
 */
async function lastNumber(store: Store, prefix: string, damage: Damage[]): Promise<number> {
  for await (const [key, bytes] of walk(store, below(prefix), true)) {
    const row = openRow(key, bytes);
    if (!isDamage(row)) return Number(key.slice(prefix.length));
    damage.push(row);
  }
  return 0;
}
