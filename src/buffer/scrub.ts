import type { Store } from '../machine/store.ts';
import { STREAMS, type Stream, type Suspect } from './api.ts';
import { decodeEntry } from './codec.ts';
import { crcText, damageOf, headOf, isDamage, type Row } from './frame.ts';
import type { Journal } from './journal.ts';
import { journalKey, lastPart } from './keys.ts';
import type { Scrubbed, ScrubPosition } from './reports.ts';
import { decodeRow } from './rows.ts';

const ENTRIES_AT_ONCE = 64;
/** A row of a message may be large. */
const NAMED_AT_ONCE = 64;
const BEYOND = '\u{10ffff}';

/**
 * Goes round the store piece by piece: every journal by its numbers, with the records that its entries name, then every row by
 * its key. What it finds may have been written or given up while it looked: the second look is the quarantine's.
 */
export async function scrub(
  store: Store,
  journal: Journal,
  from: ScrubPosition | undefined,
  limit: number,
): Promise<Scrubbed> {
  const at = from ?? { stream: STREAMS[0], after: 0 };
  return 'stream' in at ? scrubEntries(store, journal, at, limit) : scrubRows(store, at.afterKey, limit);
}

/** The last entries of every journal and what they name. */
export async function scrubEnds(store: Store, journal: Journal, entries: number): Promise<readonly Suspect[]> {
  const suspects: Suspect[] = [];
  for (const stream of STREAMS) {
    let after = Math.max(journal.low(stream), journal.head(stream) - entries);
    while (after < journal.head(stream)) {
      const step = await checkEntries(store, stream, after, Math.min(after + ENTRIES_AT_ONCE, journal.head(stream)));
      suspects.push(...step.suspects);
      after = step.last;
    }
  }
  return suspects;
}

async function scrubEntries(
  store: Store,
  journal: Journal,
  { stream, after }: { readonly stream: Stream; readonly after: number },
  limit: number,
): Promise<Scrubbed> {
  const first = Math.max(after, journal.low(stream));
  const last = Math.min(first + Math.min(limit, ENTRIES_AT_ONCE), journal.head(stream));
  if (first >= last) {
    const next = STREAMS[STREAMS.indexOf(stream) + 1];
    return { next: next ? { stream: next, after: 0 } : { afterKey: '' }, checked: 0, suspects: [] };
  }
  const { checked, suspects } = await checkEntries(store, stream, first, last);
  return { next: { stream, after: last }, checked, suspects };
}

async function checkEntries(
  store: Store,
  stream: Stream,
  after: number,
  last: number,
): Promise<{ last: number; checked: number; suspects: Suspect[] }> {
  const keys = Array.from({ length: last - after }, (_, n) => journalKey(stream, after + 1 + n));
  const found = await store.getMany(keys);
  const suspects: Suspect[] = [];
  let checked = keys.length;
  let named: Named[] = [];
  for (const [n, key] of keys.entries()) {
    const bytes = found[n];
    const entry = bytes ? decodeRow(key, bytes, decodeEntry) : { key, detail: 'the journal entry is gone' };
    if (isDamage(entry)) suspects.push(entry);
    else {
      named.push(...entry.map(([record, namedAs]) => ({ key: record, namedBy: key, namedAs })));
      checked += entry.length;
    }
    if (named.length < NAMED_AT_ONCE && n < keys.length - 1) continue;
    suspects.push(...(await checkNamed(store, named)));
    named = [];
  }
  return { last, checked, suspects: suspects.filter(({ quarantined }) => !quarantined) };
}

interface Named {
  readonly key: string;
  /** The entry that names it. */
  readonly namedBy: string;
  /** By this checksum. */
  readonly namedAs: string;
}

async function checkNamed(store: Store, named: readonly Named[]): Promise<Suspect[]> {
  const found = await store.getMany(named.map(({ key }) => key));
  return named.flatMap(({ key, namedBy, namedAs }, n): Suspect[] => {
    const bytes = found[n];
    if (!bytes) return [{ key, namedBy, detail: `${namedBy} names it and it is gone` }];
    const head = headOf(key, bytes);
    if (isDamage(head)) return [head];
    if (!isAnother(head, namedBy, namedAs)) return [];
    return [{ key, namedBy, namedAs, detail: `${namedBy} names it with checksum ${namedAs}, it is another record` }];
  });
}

/** A whole record that is not the one that its entry names, unless a later entry wrote it again. */
export function isAnother(
  { sequence, checksum }: Pick<Row, 'sequence' | 'checksum'>,
  namedBy: string,
  namedAs: string,
) {
  return sequence <= Number(lastPart(namedBy)) && crcText(checksum) !== namedAs;
}

/** A row whose checksum fits says what was written: what it says need not be read. */
function frameSuspects(key: string, bytes: Uint8Array): Suspect[] {
  const damage = damageOf(key, bytes);
  return damage ? [damage] : [];
}

async function scrubRows(store: Store, afterKey: string, limit: number): Promise<Scrubbed> {
  const gte = afterKey === '' ? '' : `${afterKey}\u0000`;
  const page = await store.range({ gte, lt: BEYOND, limit });
  const suspects = page.flatMap(([key, bytes]) => frameSuspects(key, bytes));
  const last = page.at(-1);
  const next = last && page.length === limit ? { afterKey: last[0] } : undefined;
  return { next, checked: page.length, suspects };
}
