import { OdecetError } from '../core/failure.ts';
import type { MessageId } from '../core/message.ts';
import type { Store } from '../machine/store.ts';
import { STREAMS, type Stream } from './api.ts';
import { decodeEntry, type Entry } from './codec.ts';
import { decodeLife } from './codec-delivery.ts';
import { headOf, isDamage, openRow, type Row } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { below, journalKey, lastPart, messageKey, streamOf, waitingKey } from './keys.ts';
import { stateOf, waitingState } from './life.ts';
import type { Verification } from './reports.ts';
import { decodeRow, type Rows, walk } from './rows.ts';
import { isAnother } from './scrub.ts';
import { lifeFromEvents } from './waiting.ts';

const PAGE_ROWS = 256;
/** The whole store; messages are large, so that they are walked apart in small pages. */
const EVERYTHING = [{ gte: '', lt: 'm/' }, below('m/'), { gte: 'm0', lt: '\u{10ffff}' }];

const REWRITTEN = new Set(['w', 'c', 'u', 'v', 'g', 'k', 'o', 'q']);

type RowHead = Pick<Row, 'key' | 'sequence'>;
type Findings = {
  -readonly [K in keyof Verification]: Verification[K] extends readonly (infer T)[] ? T[] : Verification[K];
};

export async function verify(store: Store, journal: Journal, rows: Rows): Promise<Verification> {
  const found: Findings = {
    clean: true,
    records: 0,
    entries: 0,
    damaged: [],
    holes: [],
    lost: [],
    stray: [],
    misplaced: [],
    quarantined: [],
    unreadable: [],
  };
  const guarded = async (walked: Promise<void>): Promise<void> => {
    try {
      await walked;
    } catch (error) {
      if (!(error instanceof OdecetError)) throw error;
      found.unreadable.push(error.message);
    }
  };
  for (const stream of STREAMS) await guarded(checkJournal(store, journal, stream, found));
  await guarded(checkRows(store, journal, found));
  await guarded(checkOutbox(journal, rows, found));
  const { damaged, holes, lost, stray, misplaced, unreadable } = found;
  return { ...found, clean: [damaged, holes, lost, stray, misplaced, unreadable].every(({ length }) => length === 0) };
}

/** Journal to records: no number missing, every record named is there with the checksum named. */
async function checkJournal(store: Store, journal: Journal, stream: Stream, found: Findings): Promise<void> {
  const head = journal.head(stream);
  for (let next = journal.low(stream) + 1; next <= head; next += PAGE_ROWS) {
    const numbers = Array.from({ length: Math.min(PAGE_ROWS, head - next + 1) }, (_, n) => next + n);
    const keys = numbers.map((number) => journalKey(stream, number));
    const entries = await store.getMany(keys);
    for (const [n, key] of keys.entries()) {
      const bytes = entries[n];
      const entry = bytes && decodeRow(key, bytes, decodeEntry);
      if (!entry) found.holes.push({ stream, sequence: numbers[n]! });
      else if (!isDamage(entry)) await checkNamed(store, entry, key, found);
    }
  }
}

async function checkNamed(store: Store, entry: Entry, namedBy: string, found: Findings): Promise<void> {
  found.entries++;
  const rows = await store.getMany(entry.map(([key]) => key));
  for (const [n, [key, checksum]] of entry.entries()) {
    const bytes = rows[n];
    const row = bytes && headOf(key, bytes);
    if (!row) found.lost.push(key);
    else if (!isDamage(row) && isAnother(row, namedBy, checksum)) found.stray.push(key);
  }
}

/** Records to journal: every row of the store is intact, of a known kind, and named by the entry it says. */
async function checkRows(store: Store, journal: Journal, found: Findings): Promise<void> {
  let page: RowHead[] = [];
  for (const range of EVERYTHING)
    for await (const [key, bytes] of walk(store, range)) {
      const row = openRow(key, bytes);
      if (isDamage(row)) {
        if (row.quarantined) found.quarantined.push(key);
        else found.damaged.push(row);
        continue;
      }
      found.records++;
      page.push({ key, sequence: row.sequence });
      if (page.length === PAGE_ROWS) {
        await checkPage(store, journal, page, found);
        page = [];
      }
    }
  await checkPage(store, journal, page, found);
}

async function checkPage(store: Store, journal: Journal, page: readonly RowHead[], found: Findings): Promise<void> {
  const entryKeys = new Set(page.flatMap((row) => entryKeyOf(row) ?? []));
  const keys = [...entryKeys];
  const bytes = await store.getMany(keys);
  const named = new Set<string>();
  /** Entries that were found damaged and marked: nobody can say any more what they named. */
  const waived = new Set<string>();
  for (const [n, key] of keys.entries()) {
    const entry = bytes[n] && decodeRow(key, bytes[n], decodeEntry);
    if (entry && isDamage(entry) && entry.quarantined) waived.add(key);
    if (entry && !isDamage(entry)) for (const [written] of entry) named.add(`${key} ${written}`);
  }
  for (const row of page) {
    const stream = streamOf(row.key);
    const entryKey = entryKeyOf(row);
    const isNamed =
      stream !== undefined &&
      entryKey !== undefined &&
      (named.has(`${entryKey} ${row.key}`) || waived.has(entryKey) || row.sequence <= journal.low(stream));
    const known = entryKey ? isNamed : REWRITTEN.has(row.key.split('/')[0] ?? '') || isEntry(row);
    if (!known) found.stray.push(row.key);
  }
}

function entryKeyOf(row: RowHead): string | undefined {
  const stream = streamOf(row.key);
  return stream && journalKey(stream, row.sequence);
}

function isEntry(row: RowHead): boolean {
  return STREAMS.some((stream) => row.key === journalKey(stream, row.sequence));
}

/** The outbox holds exactly the messages whose records say that they wait, with the state that they say. */
async function checkOutbox(journal: Journal, rows: Rows, found: Findings): Promise<void> {
  const ids = new Set<MessageId>();
  for (const prefix of ['n/', 'w/']) for (const key of await rows.keys(below(prefix))) ids.add(lastPart(key));
  // As a plan of the one writer, so that no batch lands between the looks; it writes nothing.
  for (const id of ids) if (await journal.write((draft) => isMisplaced(draft, id))) found.misplaced.push(id);
}

async function isMisplaced(draft: Draft, id: MessageId): Promise<boolean> {
  const row = await draft.get(waitingKey(id));
  if (!row) return waitingState(await lifeFromEvents(draft, id)) !== undefined;
  if (!(await draft.get(messageKey(id)))) return true;
  const listed = isDamage(row) ? row : decodeLife(row);
  return !isDamage(listed) && stateOf(listed) !== stateOf(await lifeFromEvents(draft, id));
}
