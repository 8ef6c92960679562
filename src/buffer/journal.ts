import type { AppendLog } from '../machine/append-log.ts';
import type { Clock } from '../machine/clock.ts';
import type { Store } from '../machine/store.ts';
import { STREAMS, type Stream } from './api.ts';
import { type Draft, type Group, openDraft, takeAlong } from './draft.ts';
import { cloneHeads, encodeHeads, type Heads, loadHeads } from './heads.ts';
import type { Identity } from './identity.ts';
import type { Ids } from './ids.ts';
import { HEADS_KEY } from './keys.ts';
import type { Recent } from './recent.ts';
import { FOLLOWED, HEADS_EVERY_MS, type VitalRecord, vitalLine } from './vital.ts';

/** So many waiting calls at most share one synced batch: a burst of rounds costs one flush, not one each. */
const GROUP_MAX = 256;

export type { Draft } from './draft.ts';
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
  /** How many messages the outbox has; undefined while it is not known whether the last batch reached the disk. */
  waiting(): number | undefined;
  /** Writes a row with the next batch, whatever that is for: for what is only repeated where it is lost. */
  setSoon(key: string, payload: unknown): void;
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

interface Planned {
  readonly job: Job;
  readonly done: () => void;
}

/** Those whose plan did not throw. */
async function planAll(jobs: readonly Job[], group: Group): Promise<Planned[]> {
  const planned: Planned[] = [];
  for (const job of jobs) {
    try {
      planned.push({ job, done: await job.plan(group) });
    } catch (error) {
      job.reject(error);
    }
  }
  return planned;
}

/** The second copy, as the journal writes it. */
export interface Copy {
  readonly log: AppendLog;
  readonly clock: Pick<Clock, 'now'>;
  /** The last numbers that it knew when it was opened. */
  readonly heads: Heads | undefined;
  /** Whose it is: said with the first line of this run. */
  readonly identity?: Identity | undefined;
}

export function openJournal(store: Store, found: Heads, ids: Ids, recent: Recent, vital?: Copy): Journal {
  const queue: Job[] = [];
  const listeners = new Set<(streams: ReadonlySet<Stream>) => void>();
  let heads = found;
  let headsKnown = true;
  let running = false;
  /** What the second copy could not be told yet. */
  let untold: VitalRecord[] = [];
  /** What it is told of batches that failed, should they have reached the disk. */
  let doubtful: Group['copied'] = [];
  /** Rows that go with the next batch. */
  const soon = new Map<string, unknown>();
  let told = { heads: vital?.heads, at: 0 };
  let of = vital?.identity;
  let bytesTold = 0;

  async function writeGroup(jobs: readonly Job[]): Promise<void> {
    if (!headsKnown) await askDisk();
    const group: Group = {
      heads: cloneHeads(heads),
      rows: new Map(),
      ops: [],
      entries: [],
      streams: new Set(),
      copied: [],
    };
    const planned = await planAll(jobs, group);
    try {
      await putOnDisk(group);
    } catch (error) {
      for (const { job } of planned) job.reject(error);
      return;
    }
    try {
      if (vital && group.ops.length > 0) await tellVital(vital, group);
      for (const { done } of planned) done();
    } catch (error) {
      for (const { job } of planned) job.reject(error);
    }
    ring(group.streams);
  }

  /** After a batch of which it is not known whether it reached the disk. No number is given out again that was taken before. */
  async function askDisk(): Promise<void> {
    const { heads: onDisk } = await loadHeads(store);
    const grown = STREAMS.filter((stream) => onDisk[stream] > heads[stream]);
    for (const stream of STREAMS) {
      onDisk[stream] = Math.max(onDisk[stream], heads[stream]);
      onDisk.low[stream] = Math.max(onDisk.low[stream], heads.low[stream]);
    }
    if (vital) await copyDoubtful(onDisk);
    heads = onDisk;
    headsKnown = true;
    ring(new Set(grown));
  }

  /** Whoever finds it on the disk goes on with it, and it would be sent again if the copy alone were left. */
  async function copyDoubtful(onDisk: Heads): Promise<void> {
    const found = await store.getMany(doubtful.map(([key]) => key));
    const rows = doubtful.filter((_, n) => found[n] !== undefined);
    if (rows.length > 0) untold.push({ heads: cloneHeads(onDisk), rows });
    doubtful = [];
  }

  /**
   * Also where those who wrote are told that they failed: what is on the disk is there, and when they say it again nothing is
   * new, so that nobody would ring.
   */
  function ring(streams: ReadonlySet<Stream>): void {
    if (streams.size > 0) for (const listener of listeners) listener(streams);
  }

  async function putOnDisk(group: Group): Promise<void> {
    // How many messages wait may be all that was wrong: uncounted they would never be looked at.
    if (group.ops.length === 0 && group.heads.waiting === heads.waiting) return;
    const taken = takeAlong(group, soon);
    // Also of a batch that fails: an id once given out is never given out again.
    group.heads.lastId = ids.last();
    try {
      await store.batch([...group.ops, { kind: 'put', key: HEADS_KEY, value: encodeHeads(group.heads) }]);
    } catch (error) {
      // Whether a refused batch reached the disk is not known: ask the disk before the next one.
      headsKnown = false;
      doubtful.push(...group.copied);
      recent.heed(undefined);
      throw error;
    }
    heads = group.heads;
    recent.heed(group.ops, group.entries);
    for (const [key, payload] of taken) if (soon.get(key) === payload) soon.delete(key);
  }

  /**
   * After the store, so that the copy never knows of more than there is; before anybody is told that it is written. When it
   * fails the caller is told that its call failed, and what it was to be told goes before the next.
   */
  async function tellVital({ log, clock }: Copy, { copied, streams }: Group): Promise<void> {
    const isFollowed = copied.length > 0 || [...streams].some((stream) => FOLLOWED.has(stream));
    // A wall clock may be set back.
    const isTime = !isKnown() && Math.abs(clock.now() - told.at) >= HEADS_EVERY_MS;
    // Of what has no rows the last says all: rounds go on while the copy cannot be written.
    if (isFollowed || isTime) untold = [...untold.filter(({ rows }) => rows.length > 0), { heads, rows: copied }];
    if (untold.length === 0) return;
    await append({ log, clock }, untold);
  }

  async function append({ log, clock }: Pick<Copy, 'log' | 'clock'>, records: readonly VitalRecord[]): Promise<void> {
    const [first, ...others] = records;
    const text = [...(first ? [{ ...first, ...(of && { of }) }] : []), ...others].map(vitalLine).join('\n');
    bytesTold += text.length;
    try {
      await log.append(text);
    } catch (error) {
      // A part of it may be there: what follows tells that it is no damage.
      of = vital?.identity;
      throw error;
    }
    of = undefined;
    untold = [];
    told = { heads, at: clock.now() };
  }

  function isKnown(): boolean {
    return STREAMS.every(
      (stream) => heads[stream] === (told.heads?.[stream] ?? 0) && heads.low[stream] === (told.heads?.low[stream] ?? 0),
    );
  }

  /** As a job of the one writer, between two batches; one that writes nothing itself. */
  async function tellLast(): Promise<void> {
    if (!vital || (isKnown() && untold.length === 0)) return;
    await append(vital, [...untold, { heads, rows: [] }]);
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
          const draft = openDraft(store, group, ids.take, recent);
          const result = await plan(draft);
          draft.seal();
          return () => resolve(result);
        },
      });
      if (!running) void run();
    });

  return {
    heads: () => cloneHeads(heads),
    waiting: () => (headsKnown ? heads.waiting : undefined),
    setSoon: (key, payload) => soon.set(key, payload),
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
