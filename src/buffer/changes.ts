import { parseUtc } from '../core/time.ts';
import type { AuditRef, Change, ChangeItems, DeliveryRef, IntervalRef, ReadingRef, Stream } from './api.ts';
import { decodeEntry, decodeReadings, isChannel } from './codec.ts';
import { isDamage } from './frame.ts';
import type { Journal } from './journal.ts';
import { journalKey, keyParts } from './keys.ts';
import type { Recent } from './recent.ts';
import { decodeRow, type Rows } from './rows.ts';

type Fetch = Pick<Recent, 'getMany'>;
type Keyed = Exclude<Stream, 'readings' | 'samples'>;

/** What a key of the journal stands for; undefined for rows that are only indexes. */
const ITEM: { readonly [S in Keyed]: (key: string) => ChangeItems[S] | undefined } = {
  intervals: intervalRef,
  delivery: deliveryRef,
  audit: auditRef,
};

export async function readChanges<S extends Stream>(
  recent: Fetch,
  rows: Rows,
  journal: Journal,
  stream: S,
  afterSequence: number,
  limit: number,
): Promise<Change<S>[]> {
  // What was given up is no change: a stage that comes so late begins with what is left.
  const after = Math.max(afterSequence, journal.low(stream));
  const count = Math.max(0, Math.min(limit, journal.head(stream) - after));
  if (count === 0) return [];
  const keys = Array.from({ length: count }, (_, n) => journalKey(stream, after + 1 + n));
  const found = await recent.getMany(keys);
  const changes: Change<S>[] = [];
  for (const [n, key] of keys.entries()) {
    const sequence = after + 1 + n;
    const bytes = found[n];
    const entry = bytes ? decodeRow(key, bytes, decodeEntry) : { key, detail: 'the journal entry is gone' };
    if (isDamage(entry)) {
      rows.onDamage(entry);
      changes.push({ sequence, items: [], lost: true });
      continue;
    }
    const written = entry.map(([writtenKey]) => writtenKey);
    changes.push({ sequence, ...(await itemsOf(recent, rows, stream, written)) });
  }
  return changes;
}

async function itemsOf<S extends Stream>(
  recent: Fetch,
  rows: Rows,
  stream: S,
  keys: readonly string[],
): Promise<Pick<Change<S>, 'items' | 'lost'>> {
  const read: Record<Stream, () => Promise<Pick<Change<Stream>, 'items' | 'lost'>>> = {
    readings: () => readingItems(recent, rows, keys),
    samples: () => readingItems(recent, rows, keys),
    intervals: async () => keyedItems('intervals', keys),
    delivery: async () => keyedItems('delivery', keys),
    audit: async () => keyedItems('audit', keys),
  };
  return (await read[stream]()) as Pick<Change<S>, 'items' | 'lost'>;
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
  recent: Fetch,
  rows: Rows,
  keys: readonly string[],
): Promise<{ items: ReadingRef[]; lost: boolean }> {
  const found = await recent.getMany(keys);
  const items: ReadingRef[] = [];
  let lost = false;
  for (const [n, key] of keys.entries()) {
    const bytes = found[n];
    const stored = bytes ? rows.decode(key, bytes, decodeReadings) : { key, detail: 'the record is gone' };
    if (isDamage(stored)) {
      rows.onDamage(stored);
      lost = true;
    } else
      items.push(...stored.map(({ reading: { device, quantity, at, source } }) => ({ device, quantity, at, source })));
  }
  return { items, lost };
}

function intervalRef(key: string): IntervalRef | undefined {
  const [kind, point, channel, start, version] = keyParts(key);
  if (kind !== 'i' || point === undefined || start === undefined || !isChannel(channel)) return undefined;
  return { point, channel, start: parseUtc(start), version: Number(version) };
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
