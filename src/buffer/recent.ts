import type { DeviceId, ReadingSource } from '../core/reading.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import type { Stream } from './api.ts';
import { damageOf, isMark } from './frame.ts';
import { below, type KeyRange, READINGS, readingDay } from './keys.ts';
import { type KnownRow, rememberNewest } from './newest-rows.ts';

/** Of each device and source: at the full hour a sample on either side and a stored value, and the same of the hour before. */
const ROWS_MAX = 6;
/** Devices times sources. */
const WINDOWS_MAX = 512;
/** Bytes of the readings written last: what the stages that follow ask for at once. */
const WRITTEN_BYTES_MAX = 128_000;
/** Of each journal the last entries, and the keys in them. */
const ENTRIES_MAX = 256;
const NAMED_MAX = 512;
/** After every copy of an instant (`~2`, `~3`) and before the next instant. */
const AFTER_COPIES = '~~';
const DAYS_LEARNT = 2;
const DAY_MS = 24 * HOUR_MS;

/** Every row of a device and source after an instant. */
export interface Window {
  /** The instant, with its copies; as text that sorts. */
  readonly from: string;
  readonly rows: readonly RecentRow[];
}

export interface RecentRow {
  readonly key: string;
  /** The instant, its copies after it, as text that sorts. */
  readonly time: string;
  readonly bytes: Uint8Array;
}

/**
 * The newest rows and journal entries: the buffer is the only writer, so what it wrote last it need not ask the disk for. What
 * is learnt from the disk is verified then. Bounded; anything doubtful makes it forget.
 */
export interface Recent {
  /** Told of every batch: what is on the disk now, with the entries in it, or undefined where that is not known. */
  heed(ops: readonly StoreOp[] | undefined, entries?: readonly NewEntry[]): void;
  /** Damage was met: the disk has the word. */
  forget(): void;
  /** The newest rows of a device and source; undefined where they are not known. */
  newest(device: DeviceId, source: ReadingSource): Window | undefined;
  /** A row of readings, intervals or links that is known to be there or not to be there; undefined where neither is known. */
  row(key: string): { readonly bytes: Uint8Array | undefined } | undefined;
  /** Every row of a range of intervals or links in order; undefined where not all of them are known. */
  within(range: KeyRange): readonly KnownRow[] | undefined;
  /** Learns the newest intervals or links of whom a range is about; true where it did. */
  learnRows(range: KeyRange): Promise<boolean>;
  /** What an entry of a journal names, where it was written lately. */
  named(stream: Stream, sequence: number): readonly string[] | undefined;
  /** A row of readings that was written lately. */
  written(key: string): Uint8Array | undefined;
  /** Learns the newest rows of a device and source, where it does not know them and the instant is of the last days. */
  learn(device: DeviceId, source: ReadingSource, at: UtcMs): Promise<void>;
}

/** A journal entry as it was written. */
export interface NewEntry {
  readonly stream: Stream;
  readonly sequence: number;
  readonly keys: readonly string[];
}

interface Growing {
  from: string;
  readonly rows: RecentRow[];
}

export function rememberRecent(store: Store): Recent {
  const windows = new Map<string, Growing>();
  const written = new Map<string, Uint8Array>();
  const journals = new Map<Stream, LastEntries>();
  const newestRows = rememberNewest(store);
  let writtenBytes = 0;
  /** The newest day that has readings of any device; '' for none, undefined where it is not known. */
  let newestDay: string | undefined;
  let batches = 0;

  function forget(): void {
    windows.clear();
    written.clear();
    writtenBytes = 0;
    journals.clear();
    newestRows.forget();
    newestDay = undefined;
    batches++;
  }

  function keepWritten(key: string, bytes: Uint8Array): void {
    dropWritten(key);
    written.set(key, bytes);
    writtenBytes += bytes.length;
    for (const [oldest] of written) {
      if (writtenBytes <= WRITTEN_BYTES_MAX) return;
      dropWritten(oldest);
    }
  }

  function dropWritten(key: string): void {
    writtenBytes -= written.get(key)?.length ?? 0;
    written.delete(key);
  }

  function heedReadings(op: StoreOp): void {
    const { name, time } = placeOf(op.key);
    const window = windows.get(name);
    if (op.kind === 'put' && newestDay !== undefined && dayOf(time) > newestDay) newestDay = dayOf(time);
    if (!window || time <= window.from) return;
    if (op.kind === 'delete' || isMark(op.value)) windows.delete(name);
    else insert(window, op.key, time, op.value);
  }

  return {
    forget,

    heed(ops, entries = []) {
      if (!ops) return forget();
      batches++;
      for (const op of ops) {
        if (!op.key.startsWith('r/')) continue;
        if (op.kind === 'delete') dropWritten(op.key);
        else keepWritten(op.key, op.value);
        heedReadings(op);
      }
      newestRows.heed(ops);
      for (const { stream, sequence, keys } of entries) {
        const last = journals.get(stream) ?? lastEntries();
        journals.set(stream, last);
        last.add(sequence, keys);
      }
    },

    newest: (device, source) => windows.get(nameOf(device, source)),

    within: newestRows.within,
    learnRows: newestRows.learn,
    named: (stream, sequence) => journals.get(stream)?.keys(sequence),
    written: (key) => written.get(key),

    row(key) {
      if (!key.startsWith('r/')) return newestRows.row(key);
      const { name, time } = placeOf(key);
      const window = windows.get(name);
      if (!window || time <= window.from) return undefined;
      return { bytes: window.rows.find((row) => row.key === key)?.bytes };
    },

    async learn(device, source, at) {
      const name = nameOf(device, source);
      if (windows.has(name)) return;
      const before = batches;
      const newest = newestDay ?? dayOfKey((await store.range({ ...READINGS, reverse: true, limit: 1 }))[0]?.[0]);
      const first = readingDay(at - DAY_MS);
      if (before !== batches) return;
      newestDay = newest;
      // What is asked of long ago is history, and between it and today there is too much.
      if (first < readingDay(Date.parse(newest || first) - DAYS_LEARNT * DAY_MS)) return;
      const window = await newestOf(store, name, first, newest);
      // A damaged row is met where the store is asked.
      if (before !== batches || window.rows.some(({ key, bytes }) => damageOf(key, bytes))) return;
      const [oldest] = windows.keys();
      if (oldest !== undefined && windows.size >= WINDOWS_MAX) windows.delete(oldest);
      windows.set(name, window);
    },
  };
}

interface LastEntries {
  add(sequence: number, keys: readonly string[]): void;
  keys(sequence: number): readonly string[] | undefined;
}

/** The last entries of a journal, in a row. */
function lastEntries(): LastEntries {
  const entries: (readonly string[])[] = [];
  let end = 0;
  let named = 0;
  const clear = (): void => {
    entries.length = 0;
    named = 0;
  };
  return {
    add(sequence, keys) {
      if (sequence !== end + 1) clear();
      end = sequence;
      entries.push(keys);
      named += keys.length;
      while (entries.length > ENTRIES_MAX || named > NAMED_MAX) named -= entries.shift()?.length ?? named;
    },
    keys: (sequence) => entries[entries.length - 1 - (end - sequence)],
  };
}

async function newestOf(store: Store, name: string, first: string, newest: string): Promise<Growing> {
  const found: RecentRow[] = [];
  for (let day = newest; day >= first && found.length <= ROWS_MAX; day = readingDay(Date.parse(day) - DAY_MS)) {
    const range = below(`r/${day}/${name}/`);
    const page = await store.range({ ...range, reverse: true, limit: ROWS_MAX + 1 - found.length });
    found.push(...page.map(([key, bytes]) => ({ key, time: placeOf(key).time, bytes })));
  }
  const window: Growing = { from: first, rows: found.reverse() };
  shorten(window);
  return window;
}

function insert(window: Growing, key: string, time: string, bytes: Uint8Array): void {
  const place = window.rows.findLastIndex((row) => row.time <= time);
  const isThere = window.rows[place]?.key === key;
  window.rows.splice(isThere ? place : place + 1, isThere ? 1 : 0, { key, time, bytes });
  shorten(window);
}

/** An instant goes with all its copies. */
function shorten(window: Growing): void {
  while (window.rows.length > ROWS_MAX) {
    window.from = `${instantOf(window.rows[0]!.time)}${AFTER_COPIES}`;
    while (window.rows[0] && window.rows[0].time < window.from) window.rows.shift();
  }
}

const DAY_LENGTH = '2026-03-28'.length;
const DAY_AT = 'r/'.length;
const NAME_AT = 'r/2026-03-28/'.length;

/** Device and source, and the instant as `timeText` has it, copies after it. */
function placeOf(key: string): { readonly name: string; readonly time: string } {
  const end = key.lastIndexOf('/');
  return { name: key.slice(NAME_AT, end), time: `${key.slice(DAY_AT, DAY_AT + DAY_LENGTH)}T${key.slice(end + 1)}` };
}

function nameOf(device: DeviceId, source: ReadingSource): string {
  return `${encodeURIComponent(device)}/${source}`;
}

function instantOf(time: string): string {
  return time.split('~', 1)[0]!;
}

function dayOf(time: string): string {
  return time.slice(0, DAY_LENGTH);
}

function dayOfKey(key: string | undefined): string {
  return key === undefined ? '' : key.slice(DAY_AT, DAY_AT + DAY_LENGTH);
}
