import { OdecetError } from '../core/failure.ts';
import type { MessageId } from '../core/message.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Clock } from '../machine/clock.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import { type Damage, STREAMS, type Stream } from './api.ts';
import { checksumOf, crcText, FRAME_VERSION, openRow, type Row, sealMark, sealRow } from './frame.ts';
import { cloneHeads, encodeHeads, type Heads, loadHeads } from './heads.ts';
import type { Ids } from './ids.ts';
import { HEADS_KEY, journalKey, type KeyRange } from './keys.ts';
import { walk } from './rows.ts';
import { COPIED, FOLLOWED, HEADS_EVERY_MS, vitalLine } from './vital.ts';

/** So many waiting calls at most share one synced batch: a burst of rounds costs one flush, not one each. */
const GROUP_MAX = 256;

/** What one call wants written. It sees what the calls before it in the same batch have written. */
export interface Draft {
  /** Fetches rows ahead of `get`, in one go. */
  load(keys: readonly string[]): Promise<void>;
  get(key: string): Promise<Row | Damage | undefined>;
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
  /** Everything in a range, also what the calls before it have written. */
  list(range: KeyRange): Promise<(Row | Damage)[]>;
  takeId(): MessageId;
  /** The outbox grows or shrinks by so many messages. */
  countWaiting(change: number): void;
}

export type Plan<T> = (draft: Draft) => Promise<T>;

/** The one writer of the store. */
export interface Journal {
  /** Resolves when everything that the plan wrote is on the disk. A plan that throws writes nothing. */
  write<T>(plan: Plan<T>): Promise<T>;
  /** The number of the last entry on the disk. */
  head(stream: Stream): number;
  /** The number of the last entry that was given up. */
  low(stream: Stream): number;
  heads(): Heads;
  /** Tells the second copy the last numbers where it does not know them yet. */
  tellHeads(): Promise<void>;
  /** Characters handed to the second copy since the start, those of a copy written anew left out. */
  bytesTold(): number;
  readonly onChange: (listener: (streams: ReadonlySet<Stream>) => void) => () => void;
}

interface Job {
  /** Plans into the group; gives what is to be called when the group is on the disk. */
  plan(group: Group): Promise<() => void>;
  reject(error: unknown): void;
}

/** What several calls write together. */
interface Group {
  readonly heads: Heads;
  /** Undefined: known to be absent, or removed. */
  readonly rows: Map<string, Uint8Array | undefined>;
  readonly ops: StoreOp[];
  readonly streams: Set<Stream>;
  /** What the second copy is told. */
  readonly copied: [key: string, payload: unknown][];
}

/** The second copy, as the journal writes it. */
export interface Copy {
  readonly log: AppendLog;
  readonly clock: Pick<Clock, 'now'>;
  /** The last numbers that it knew when it was opened. */
  readonly heads: Heads | undefined;
}

export function openJournal(store: Store, found: Heads, ids: Ids, vital?: Copy): Journal {
  const queue: Job[] = [];
  const listeners = new Set<(streams: ReadonlySet<Stream>) => void>();
  let heads = found;
  let headsKnown = true;
  let running = false;
  /** Lines that the second copy could not be told yet. */
  let untold: string[] = [];
  let told = { heads: vital?.heads, at: 0 };
  let bytesTold = 0;

  async function writeGroup(jobs: readonly Job[]): Promise<void> {
    if (!headsKnown) heads = (await loadHeads(store)).heads;
    headsKnown = true;
    const group: Group = { heads: cloneHeads(heads), rows: new Map(), ops: [], streams: new Set(), copied: [] };
    const planned: { job: Job; done: () => void }[] = [];
    for (const job of jobs) {
      try {
        planned.push({ job, done: await job.plan(group) });
      } catch (error) {
        job.reject(error);
      }
    }
    try {
      await commit(group);
    } catch (error) {
      for (const { job } of planned) job.reject(error);
      return;
    }
    for (const { done } of planned) done();
    if (group.streams.size > 0) for (const listener of listeners) listener(group.streams);
  }

  async function commit(group: Group): Promise<void> {
    if (group.ops.length === 0) return;
    // Also of a batch that fails: an id once given out is never given out again.
    group.heads.lastId = ids.last();
    try {
      await store.batch([...group.ops, { kind: 'put', key: HEADS_KEY, value: encodeHeads(group.heads) }]);
    } catch (error) {
      // Whether a refused batch reached the disk is not known: ask the disk before the next one.
      headsKnown = false;
      throw error;
    }
    heads = group.heads;
    if (vital) await tellVital(vital, group);
  }

  /**
   * After the store, so that the copy never knows of more than there is; before anybody is told that it is written. When it
   * fails the caller is told that its call failed, and the line goes before the next one.
   */
  async function tellVital({ log, clock }: Copy, { copied, streams }: Group): Promise<void> {
    const isFollowed = [...streams].some((stream) => FOLLOWED.has(stream));
    // A wall clock may be set back.
    const isTime = !isKnown() && Math.abs(clock.now() - told.at) >= HEADS_EVERY_MS;
    if (isFollowed || isTime) untold.push(vitalLine({ heads, rows: copied }));
    if (untold.length === 0) return;
    await append({ log, clock }, untold);
  }

  async function append({ log, clock }: Pick<Copy, 'log' | 'clock'>, lines: readonly string[]): Promise<void> {
    const text = lines.join('\n');
    bytesTold += text.length;
    await log.append(text);
    untold = [];
    told = { heads, at: clock.now() };
  }

  function isKnown(): boolean {
    return STREAMS.every((stream) => heads[stream] === (told.heads?.[stream] ?? 0));
  }

  /** As a job of the one writer, between two batches; one that writes nothing itself. */
  async function tellLast(): Promise<void> {
    if (!vital || (isKnown() && untold.length === 0)) return;
    await append(vital, [...untold, vitalLine({ heads, rows: [] })]);
  }

  async function run(): Promise<void> {
    running = true;
    // What is asked for in the same breath shares the batch.
    await Promise.resolve();
    while (queue.length > 0) {
      const jobs = queue.splice(0, GROUP_MAX);
      try {
        await writeGroup(jobs);
      } catch (error) {
        for (const job of jobs) job.reject(error);
      }
    }
    running = false;
  }

  const write: Journal['write'] = (plan) =>
    new Promise((resolve, reject) => {
      queue.push({
        reject,
        async plan(group) {
          const draft = openDraft(store, group, ids.take);
          const result = await plan(draft);
          draft.seal();
          return () => resolve(result);
        },
      });
      if (!running) void run();
    });

  return {
    heads: () => cloneHeads(heads),
    head: (stream) => heads[stream],
    low: (stream) => heads.low[stream],
    tellHeads: () => write(tellLast),
    bytesTold: () => bytesTold,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    write,
  };
}

/** Collects one plan's rows and hands them to the group only when the whole plan has succeeded. */
function openDraft(store: Store, group: Group, takeId: () => MessageId): Draft & { seal(): void } {
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
    const wanted = keys.filter((key) => !group.rows.has(key));
    if (wanted.length === 0) return;
    const found = await store.getMany(wanted);
    wanted.forEach((key, n) => {
      group.rows.set(key, found[n]);
    });
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
    async list(range) {
      const found = new Map<string, Uint8Array | undefined>();
      for await (const [key, bytes] of walk(store, range)) found.set(key, bytes);
      for (const [key, bytes] of group.rows) if (range.gte <= key && key < range.lt) found.set(key, bytes);
      return [...found].flatMap(([key, bytes]) => (bytes ? [openRow(key, bytes)] : []));
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
        const entry = [...(named.get(stream) ?? [])].map(([key, checksum]) => [key, crcText(checksum)]);
        if (COPIED.has(stream)) group.copied.push(...(added.get(stream) ?? []));
        for (const [key, payload] of added.get(stream) ?? [])
          entry.push([key, crcText(put(key, sealRow(key, sequence, payload)))]);
        put(journalKey(stream, sequence), sealRow(journalKey(stream, sequence), sequence, entry));
        group.streams.add(stream);
      }
      for (const [key, payload] of rewritten) put(key, sealRow(key, 0, payload));
      for (const [key, detail] of marked) put(key, sealMark(key, detail));
      for (const [stream, low] of lows) group.heads.low[stream] = Math.max(group.heads.low[stream], low);
      group.heads.waiting += waitingChange;
    },
  };
}
