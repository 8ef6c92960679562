import { OdecetError } from '../core/failure.ts';
import type { UtcMs } from '../core/time.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import { createFairQueue, type FairQueue } from './fair-queue.ts';
import type { Counts } from './level-counts.ts';
import {
  asideKey,
  COUNTS_KEY,
  countsSchema,
  decodeMessage,
  encodeRow,
  markSchema,
  parseRow,
  senderOf,
  standingSchema,
  walk,
} from './level-rows.ts';
import type { MendedRow } from './store.ts';

/** What is not settled, by sender. */
export type Open = Map<string, FairQueue>;

export function queueOf(open: Open, sender: string): FairQueue {
  const queue = open.get(sender) ?? createFairQueue();
  open.set(sender, queue);
  return queue;
}

export function oldestOf(open: Open): Map<string, UtcMs> {
  return new Map(
    [...open].flatMap(([sender, queue]) => {
      const at = queue.oldest();
      return at === undefined ? [] : [[sender, at] as const];
    }),
  );
}

export interface Opened {
  readonly open: Open;
  readonly counts: Counts;
  readonly mended: readonly MendedRow[];
}

/** Reads what is kept in memory. A row that cannot be read is made anew from the others: no damage keeps a relay from starting. */
export async function openRows(store: Store): Promise<Opened> {
  const mended: MendedRow[] = [];
  const open = await loadOpen(store, mended);
  const counts = await loadCounts(store, mended);
  return { open, counts, mended };
}

/** What is on the way at the start is due at once: whoever sent it is no more, and the same id may go again. */
async function loadOpen(store: Store, mended: MendedRow[]): Promise<Open> {
  const open: Open = new Map();
  const ops: StoreOp[] = [];
  for await (const [key, bytes] of walk(store, 'q/')) {
    const name = key.slice('q/'.length);
    const mark = readable(() => parseRow(key, bytes, markSchema));
    if (typeof mark === 'string') {
      const made = await markOf(store, name);
      ops.push({ kind: 'put', key: asideKey(key), value: bytes });
      ops.push({ kind: 'put', key, value: encodeRow(key, made) });
      mended.push({ key, why: mark, rebuilt: 'from its message' });
      queueOf(open, senderOf(name)).add({ name, ...made }, 0);
    } else queueOf(open, senderOf(name)).add({ name, ...mark }, 0);
  }
  if (ops.length > 0) await store.batch(ops);
  return open;
}

/** Where the message cannot be read either, its claim tells it. */
async function markOf(store: Store, name: string) {
  const key = `m/${name}`;
  const bytes = await store.get(key);
  const message = bytes && readable(() => decodeMessage(key, bytes));
  if (message === undefined || typeof message === 'string') return { day: '', receivedAt: 0, site: '' };
  const { day, receivedAt, site } = message;
  return { day, receivedAt, site };
}

/** A store of an earlier program has no counts; they are counted once. */
async function loadCounts(store: Store, mended: MendedRow[]): Promise<Counts> {
  const kept = await store.get(COUNTS_KEY);
  const read = kept && readable(() => parseRow(COUNTS_KEY, kept, countsSchema));
  if (read !== undefined && typeof read !== 'string') return read;
  if (kept && typeof read === 'string') {
    await store.batch([{ kind: 'put', key: asideKey(COUNTS_KEY), value: kept }]);
    mended.push({ key: COUNTS_KEY, why: read, rebuilt: 'counted anew' });
  }
  const counts: Counts = { stored: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 };
  for await (const [key, bytes] of walk(store, 's/')) {
    const row = readable(() => parseRow(key, bytes, standingSchema));
    if (typeof row === 'string') counts.isDoubtful = true;
    else if (!row.isLost) counts[row.stage] += 1;
  }
  return counts;
}

/** The row, or why it cannot be read. */
function readable<T extends object>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (error instanceof OdecetError) return error.message;
    throw error;
  }
}
