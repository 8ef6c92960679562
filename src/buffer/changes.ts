import { parseUtc } from '../core/time.ts';
import type { Store } from '../machine/store.ts';
import type { AuditRef, Change, ChangeItems, DeliveryRef, IntervalRef, ReadingRef, Stream } from './api.ts';
import { decodeEntry, isChannel, isQuantity, isSource } from './codec.ts';
import { isDamage } from './frame.ts';
import type { Journal } from './journal.ts';
import { journalKey, keyParts } from './keys.ts';
import { decodeRow, type Rows } from './rows.ts';

/** What a key of the journal stands for; undefined for rows that are only indexes. */
const ITEM: { readonly [S in Stream]: (key: string) => ChangeItems[S] | undefined } = {
  readings: readingRef,
  intervals: intervalRef,
  delivery: deliveryRef,
  audit: auditRef,
};

export async function readChanges<S extends Stream>(
  store: Store,
  rows: Rows,
  journal: Journal,
  stream: S,
  afterSequence: number,
  limit: number,
): Promise<Change<S>[]> {
  const count = Math.max(0, Math.min(limit, journal.head(stream) - afterSequence));
  const keys = Array.from({ length: count }, (_, n) => journalKey(stream, afterSequence + 1 + n));
  const found = await store.getMany(keys);
  return keys.map((key, n) => {
    const sequence = afterSequence + 1 + n;
    const bytes = found[n];
    const entry = bytes ? decodeRow(key, bytes, decodeEntry) : { key, detail: 'the journal entry is gone' };
    if (isDamage(entry)) {
      rows.onDamage(entry);
      return { sequence, items: [], lost: true };
    }
    const items = entry.flatMap(([written]) => {
      const item = ITEM[stream](written);
      return item ? [item] : [];
    });
    return { sequence, items, lost: false };
  });
}

function readingRef(key: string): ReadingRef | undefined {
  const [kind, device, quantity, at, last] = keyParts(key);
  const source = last?.split('~')[0];
  if (kind !== 'r' || device === undefined || at === undefined || !isQuantity(quantity) || !isSource(source))
    return undefined;
  return { device, quantity, at: parseUtc(at), source };
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
