import { z } from 'zod';
import type { Store } from '../machine/store.ts';
import { type Damage, STREAMS, type Stream } from './api.ts';
import { decoding } from './codec.ts';
import type { Draft } from './draft.ts';
import { isDamage, type Row } from './frame.ts';
import type { Journal } from './journal.ts';
import { UNMENDED, unmendedKey } from './keys.ts';
import { decodeRow, walk } from './rows.ts';

/**
 * What was found damaged or forgotten and is not mended yet, written in the batch that hides it: a mark is no damage any more, and
 * raised numbers are not behind the second copy. Whoever is cut off between finding and mending would never mend it otherwise.
 */
const OPENED_KEY = unmendedKey('opened');

const openedPayload = z.object({
  behind: z.partialRecord(z.enum(STREAMS), z.int().min(0)),
  copyDoubt: z.string().exactOptional(),
  begunAnew: z.boolean(),
});
const foundPayload = z.object({
  found: z.array(z.object({ key: z.string(), detail: z.string(), told: z.string().exactOptional() })),
});

/** What an opening finds out about the store, which nobody could find out again after the first batch. */
export interface OpenedDoubts {
  /** By how much the journals were behind the second copy. */
  readonly behind: Readonly<Partial<Record<Stream, number>>>;
  /** What the second copy should have known and did not, in words. */
  readonly copyDoubt?: string;
  /** Nothing of an earlier store is there. */
  readonly begunAnew: boolean;
}

export interface Unmended extends OpenedDoubts {
  readonly found: readonly Damage[];
}

const NOTHING: Unmended = { behind: {}, begunAnew: false, found: [] };

/** What earlier runs left unmended. A row of it that is damaged says nothing: the scrubber meets it. */
export async function readUnmended(store: Store): Promise<Unmended> {
  let opened: OpenedDoubts = NOTHING;
  const found: Damage[] = [];
  for await (const [key, bytes] of walk(store, UNMENDED)) {
    if (key === OPENED_KEY) {
      const row = decodeRow(key, bytes, decodeOpened);
      if (!isDamage(row)) opened = row;
    } else {
      const row = decodeRow(key, bytes, decodeFound);
      if (!isDamage(row)) found.push(...row.found);
    }
  }
  return { ...opened, found };
}

const decodeOpened = (row: Row) => decoding(row, (): OpenedDoubts => openedPayload.parse(row.payload));
const decodeFound = (row: Row) => decoding(row, () => foundPayload.parse(row.payload));

/** What this opening found with what an earlier one did. */
export function addedTo(earlier: Unmended, now: OpenedDoubts): Unmended {
  const behind: Partial<Record<Stream, number>> = { ...earlier.behind };
  for (const stream of STREAMS) {
    const count = now.behind[stream];
    if (count !== undefined) behind[stream] = (behind[stream] ?? 0) + count;
  }
  const copyDoubt = now.copyDoubt ?? earlier.copyDoubt;
  return {
    behind,
    begunAnew: earlier.begunAnew || now.begunAnew,
    found: earlier.found,
    ...(copyDoubt !== undefined && { copyDoubt }),
  };
}

/** Goes with the first batch. */
export function noteOpened(journal: Journal, { behind, copyDoubt, begunAnew }: OpenedDoubts): void {
  if (Object.keys(behind).length === 0 && copyDoubt === undefined && !begunAnew) return;
  journal.setSoon(OPENED_KEY, { behind, begunAnew, ...(copyDoubt !== undefined && { copyDoubt }) });
}

/** To be called by the plan that puts the marks. */
export function noteFound(draft: Draft, found: readonly Damage[]): void {
  const [first] = found;
  if (!first) return;
  const rows = found.map(({ key, detail, told }) => ({ key, detail, ...(told !== undefined && { told }) }));
  draft.set(unmendedKey(first.key), { found: rows });
}

/** All of it is mended. @param copyDoubt but for this, where the second copy could not be written anew yet */
export function forgetUnmended(journal: Journal, copyDoubt: string | undefined): Promise<void> {
  return journal.write(async (draft) => {
    for (const { key } of await draft.list(UNMENDED)) draft.remove(key);
    // By its name: it may still wait for its first batch.
    if (copyDoubt === undefined) draft.remove(OPENED_KEY);
    else draft.set(OPENED_KEY, { behind: {}, begunAnew: false, copyDoubt } satisfies OpenedDoubts);
  });
}
