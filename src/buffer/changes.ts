import type { Store } from '../machine/store.ts';
import type { AuditRef, Change, ChangeItems, Damage, DeliveryRef, ReadingRef, Stream } from './api.ts';
import { decodeEntry, decodeReadingRefs, decodeReadings } from './codec.ts';
import { isDamage } from './frame.ts';
import type { Journal } from './journal.ts';
import { intervalOfKey, journalKey, keyParts } from './keys.ts';
import type { Recent } from './recent.ts';
import { decodeRow, type Rows } from './rows.ts';

/** From where the journal is read. */
export interface ChangeSources {
  readonly store: Pick<Store, 'getMany'>;
  readonly recent: Pick<Recent, 'named' | 'written'>;
  readonly rows: Rows;
  readonly journal: Journal;
}
type Keyed = Exclude<Stream, 'readings' | 'samples'>;

/** What a key of the journal stands for; undefined for rows that are only indexes. */
const ITEM: { readonly [S in Keyed]: (key: string) => ChangeItems[S] | undefined } = {
  intervals: intervalOfKey,
  delivery: deliveryRef,
  audit: auditRef,
};

export async function readChanges<S extends Stream>(
  from: ChangeSources,
  stream: S,
  afterSequence: number,
  limit: number,
): Promise<Change<S>[]> {
  const { journal, rows } = from;
  // What was given up is no change: a stage that comes so late begins with what is left.
  const after = Math.max(afterSequence, journal.low(stream));
  const count = Math.max(0, Math.min(limit, journal.head(stream) - after));
  const changes: Change<S>[] = [];
  if (count === 0) return changes;
  for (const [n, named] of (await entriesAfter(from, stream, after, count)).entries()) {
    const sequence = after + 1 + n;
    if (isDamage(named)) {
      rows.onDamage(named);
      changes.push({ sequence, items: [], lost: true });
    } else changes.push({ sequence, ...(await itemsOf(from, stream, named)) });
  }
  return changes;
}

/** What the entries name: those written last from memory, the others from the store. */
async function entriesAfter(
  { recent, store }: ChangeSources,
  stream: Stream,
  after: number,
  count: number,
): Promise<(readonly string[] | Damage)[]> {
  const numbers = Array.from({ length: count }, (_, n) => after + 1 + n);
  const kept = numbers.flatMap((number) => {
    const named = recent.named(stream, number);
    return named ? [named] : [];
  });
  if (kept.length === count) return kept;
  const keys = numbers.map((number) => journalKey(stream, number));
  const found = await store.getMany(keys);
  return keys.map((key, n) => {
    const bytes = found[n];
    const entry = bytes ? decodeRow(key, bytes, decodeEntry) : { key, detail: 'the journal entry is gone' };
    return isDamage(entry) ? entry : entry.map(([written]) => written);
  });
}

async function itemsOf<S extends Stream>(
  from: ChangeSources,
  stream: S,
  keys: readonly string[],
): Promise<Pick<Change<S>, 'items' | 'lost'>> {
  const items =
    stream === 'readings' || stream === 'samples' ? await readingItems(from, keys) : keyedItems(stream as Keyed, keys);
  return items as Pick<Change<S>, 'items' | 'lost'>;
}

function keyedItems<S extends Keyed>(stream: S, keys: readonly string[]): Pick<Change<S>, 'items' | 'lost'> {
  const items = keys.flatMap((key) => {
    const item = ITEM[stream](key);
    return item ? [item] : [];
  });
  return { items, lost: false };
}

/** Which quantities a row of readings has is known to the row alone. */
async function readingItems(
  { recent, store, rows }: ChangeSources,
  keys: readonly string[],
): Promise<{ items: ReadingRef[]; lost: boolean }> {
  const kept = keys.map((key) => recent.written(key));
  const found = kept.every(Boolean) ? undefined : await store.getMany(keys);
  const items: ReadingRef[] = [];
  let lost = false;
  for (const [n, key] of keys.entries()) {
    const refs = found ? refsFromDisk(rows, key, found[n]) : rows.decodeKept(key, kept[n]!, decodeReadingRefs);
    if (isDamage(refs)) {
      rows.onDamage(refs);
      lost = true;
    } else items.push(...refs);
  }
  return { items, lost };
}

function refsFromDisk(rows: Rows, key: string, bytes: Uint8Array | undefined): readonly ReadingRef[] | Damage {
  const stored = bytes ? rows.decode(key, bytes, decodeReadings) : { key, detail: 'the record is gone' };
  if (isDamage(stored)) return stored;
  return stored.map(({ reading: { device, quantity, at, source } }) => ({ device, quantity, at, source }));
}

function auditRef(key: string): AuditRef | undefined {
  const [kind, number] = keyParts(key);
  return kind === 'a' ? { number: Number(number) } : undefined;
}

function deliveryRef(key: string): DeliveryRef | undefined {
  const [kind, message, second, what] = keyParts(key);
  if (message === undefined) return undefined;
  if (kind === 'm') return { message, what: 'queued' };
  if (kind !== 'e') return undefined;
  if (second === 'superseded') return { message, what: second };
  return what === 'began' || what === 'ended' || what === 'receipt' ? { message, what } : undefined;
}
