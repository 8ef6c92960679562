import { OdecetError } from '../core/failure.ts';
import type { MessageId } from '../core/message.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import type { Damage, Stream } from './api.ts';
import { checksumOf, crcText, FRAME_VERSION, headOf, isDamage, openRow, type Row, sealMark, sealRow } from './frame.ts';
import type { Heads } from './heads.ts';
import { GIVEN_UP, journalKey, type KeyRange } from './keys.ts';
import type { NewEntry, Recent } from './recent.ts';
import { walk } from './rows.ts';
import { COPIED } from './vital.ts';

/** What one call wants written. It sees what the calls before it in the same batch have written. */
export interface Draft {
  /** Fetches rows ahead of `get`, in one go. */
  load(keys: readonly string[]): Promise<void>;
  get(key: string): Promise<Row | Damage | undefined>;
  /** The number of the entry that a stored row says names it; undefined where there is none, or it is damaged. */
  namedBy(key: string): Promise<number | undefined>;
  /** A new record, written once and named in the journal of its stream. */
  add(stream: Stream, key: string, payload: unknown): void;
  /** Names a record again that is there already, so that the stages that follow look at it anew. */
  nameAgain(stream: Stream, key: string, checksum: number): void;
  /** Stands in the place of a record that is lost. */
  mark(key: string, detail: string): void;
  /** The entries up to this number are given up; what they named must be removed or named again by the same plan. */
  raiseLow(stream: Stream, sequence: number): void;
  /** A row that is rewritten in place; no journal names it. */
  set(key: string, payload: unknown): void;
  remove(key: string): void;
  /** The number of the stream's last entry, those of this plan left out. */
  last(stream: Stream): number;
  /** Everything in a range as the disk has it, and what the calls before it have written. */
  list(range: KeyRange): Promise<(Row | Damage)[]>;
  /** The same from memory where that has it. */
  listKept(range: KeyRange): Promise<(Row | Damage)[]>;
  takeId(): MessageId;
  /** The outbox grows or shrinks by so many messages. */
  countWaiting(change: number): void;
}

/** What several calls write together. */
export interface Group {
  readonly heads: Heads;
  /** Undefined: known to be absent, or removed. */
  readonly rows: Map<string, Uint8Array | undefined>;
  readonly ops: StoreOp[];
  readonly entries: NewEntry[];
  readonly streams: Set<Stream>;
  /** What the second copy is told. */
  readonly copied: [key: string, payload: unknown][];
}

/** Adds the rows that may go with any batch, but for those that a plan of this batch writes itself; gives all that are done then. */
export function takeAlong(group: Group, soon: ReadonlyMap<string, unknown>): [key: string, payload: unknown][] {
  const taken = [...soon];
  const own = new Set(taken.length === 0 ? [] : group.ops.map(({ key }) => key));
  for (const [key, payload] of taken)
    if (!own.has(key)) group.ops.push({ kind: 'put', key, value: sealRow(key, 0, payload) });
  return taken;
}

/** Collects one plan's rows and hands them to the group only when the whole plan has succeeded. */
export function openDraft(
  store: Store,
  group: Group,
  takeId: () => MessageId,
  recent: Pick<Recent, 'row' | 'within'>,
): Draft & { seal(): void } {
  const added = new Map<Stream, Map<string, unknown>>();
  const named = new Map<Stream, Map<string, number>>();
  const marked = new Map<string, string>();
  const lows = new Map<Stream, number>();
  const rewritten = new Map<string, unknown>();
  const removed = new Set<string>();
  let waitingChange = 0;

  const pending = (key: string): Row | undefined => {
    for (const rows of [...added.values(), rewritten])
      if (rows.has(key)) return { key, version: FRAME_VERSION, sequence: 0, checksum: 0, payload: rows.get(key) };
    return undefined;
  };
  const load = async (keys: readonly string[]): Promise<void> => {
    const wanted: string[] = [];
    for (const key of keys) {
      if (group.rows.has(key)) continue;
      const known = recent.row(key);
      if (known) group.rows.set(key, known.bytes);
      else wanted.push(key);
    }
    if (wanted.length === 0) return;
    const found = await store.getMany(wanted);
    wanted.forEach((key, n) => {
      group.rows.set(key, found[n]);
    });
  };

  /** The rows of a range with what the group has of them. */
  const opened = (range: KeyRange, found: Map<string, Uint8Array | undefined>): (Row | Damage)[] => {
    for (const [key, bytes] of group.rows) if (range.gte <= key && key < range.lt) found.set(key, bytes);
    return [...found].flatMap(([key, bytes]) => (bytes ? [openRow(key, bytes)] : []));
  };
  const list = async (range: KeyRange): Promise<(Row | Damage)[]> => {
    const found = new Map<string, Uint8Array | undefined>();
    for await (const [key, bytes] of walk(store, range)) found.set(key, bytes);
    return opened(range, found);
  };

  return {
    load,
    takeId,
    async get(key) {
      if (removed.has(key)) return undefined;
      const own = pending(key);
      if (own) return own;
      await load([key]);
      const bytes = group.rows.get(key);
      return bytes && openRow(key, bytes);
    },
    async namedBy(key) {
      await load([key]);
      const bytes = group.rows.get(key);
      const head = bytes && headOf(key, bytes);
      return head && !isDamage(head) ? head.sequence : undefined;
    },
    add(stream, key, payload) {
      const rows = added.get(stream) ?? new Map<string, unknown>();
      if (rows.has(key)) throw new OdecetError('unexpected', `record ${key} was to be written twice in one batch`);
      added.set(stream, rows.set(key, payload));
    },
    nameAgain(stream, key, checksum) {
      named.set(stream, (named.get(stream) ?? new Map<string, number>()).set(key, checksum));
    },
    mark(key, detail) {
      marked.set(key, detail);
    },
    raiseLow(stream, sequence) {
      lows.set(stream, sequence);
    },
    set(key, payload) {
      removed.delete(key);
      rewritten.set(key, payload);
    },
    remove(key) {
      rewritten.delete(key);
      removed.add(key);
    },
    last: (stream) => group.heads[stream],
    list,
    async listKept(range) {
      const kept = recent.within(range);
      return kept ? opened(range, new Map(kept.map(({ key, bytes }) => [key, bytes]))) : list(range);
    },
    countWaiting(change) {
      waitingChange += change;
    },
    seal() {
      const put = (key: string, value: Uint8Array): number => {
        group.rows.set(key, value);
        group.ops.push({ kind: 'put', key, value });
        return checksumOf(value);
      };
      for (const key of removed) {
        group.rows.set(key, undefined);
        group.ops.push({ kind: 'delete', key });
      }
      for (const stream of new Set([...added.keys(), ...named.keys()])) {
        const sequence = ++group.heads[stream];
        const entry = [...(named.get(stream) ?? [])].map(([key, checksum]): [string, string] => [
          key,
          crcText(checksum),
        ]);
        if (COPIED.has(stream)) group.copied.push(...(added.get(stream) ?? []));
        for (const [key, payload] of added.get(stream) ?? [])
          entry.push([key, crcText(put(key, sealRow(key, sequence, payload)))]);
        put(journalKey(stream, sequence), sealRow(journalKey(stream, sequence), sequence, entry));
        group.entries.push({ stream, sequence, keys: entry.map(([key]) => key) });
        group.streams.add(stream);
      }
      group.copied.push(...[...rewritten].filter(([key]) => key.startsWith(GIVEN_UP)));
      for (const [key, payload] of rewritten) put(key, sealRow(key, 0, payload));
      for (const [key, detail] of marked) put(key, sealMark(key, detail));
      for (const [stream, low] of lows) group.heads.low[stream] = Math.max(group.heads.low[stream], low);
      group.heads.waiting += waitingChange;
    },
  };
}
