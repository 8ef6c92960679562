import type { DeviceId, ReadingSource } from '../core/reading.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import { isMark } from './frame.ts';
import { below, READINGS, readingDay } from './keys.ts';

/** Of each device and source: at the full hour a sample on either side and a stored value, and the same of the hour before. */
const ROWS_MAX = 6;
/** Devices times sources. */
const WINDOWS_MAX = 512;
/** Bytes of what was written last: what the stages that follow ask for at once. */
const WRITTEN_BYTES_MAX = 128_000;
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
 * The newest rows of readings, as bytes: the buffer is the only writer, so what it wrote last it need not ask the disk for. Who
 * takes a row from here verifies its checksum as if it came from the disk. Bounded; anything doubtful makes it forget.
 */
export interface Recent {
  /** Told of every batch: what is on the disk now, or undefined where that is not known. */
  heed(ops: readonly StoreOp[] | undefined): void;
  /** Damage was met: the disk has the word. */
  forget(): void;
  /** The newest rows of a device and source; undefined where they are not known. */
  newest(device: DeviceId, source: ReadingSource): Window | undefined;
  /** A row of readings that is known to be there or not to be there; undefined where neither is known. */
  row(key: string): { readonly bytes: Uint8Array | undefined } | undefined;
  /** Rows by their keys: those written last from memory, the others from the store. */
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /** Learns the newest rows of a device and source, where it does not know them and the instant is of the last days. */
  learn(device: DeviceId, source: ReadingSource, at: UtcMs): Promise<void>;
}

interface Growing {
  from: string;
  readonly rows: RecentRow[];
}

export function rememberRecent(store: Store): Recent {
  const windows = new Map<string, Growing>();
  const written = new Map<string, Uint8Array>();
  let writtenBytes = 0;
  /** The newest day that has readings of any device; '' for none, undefined where it is not known. */
  let newestDay: string | undefined;
  let batches = 0;

  function forget(): void {
    windows.clear();
    written.clear();
    writtenBytes = 0;
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

    heed(ops) {
      if (!ops) return forget();
      batches++;
      for (const op of ops) {
        if (op.kind === 'delete') dropWritten(op.key);
        else if (op.key.startsWith('j/') || op.key.startsWith('r/')) keepWritten(op.key, op.value);
        if (op.key.startsWith('r/')) heedReadings(op);
      }
    },

    newest: (device, source) => windows.get(nameOf(device, source)),

    row(key) {
      const { name, time } = placeOf(key);
      const window = windows.get(name);
      if (!window || time <= window.from) return undefined;
      return { bytes: window.rows.find((row) => row.key === key)?.bytes };
    },

    async getMany(keys) {
      const missing = keys.filter((key) => !written.has(key));
      if (missing.length === 0) return keys.map((key) => written.get(key));
      const known = new Map(keys.map((key) => [key, written.get(key)]));
      const found = await store.getMany(missing);
      for (const [n, key] of missing.entries()) known.set(key, found[n]);
      return keys.map((key) => known.get(key));
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
      const window = await newestRows(store, name, first, newest);
      if (before !== batches) return;
      const [oldest] = windows.keys();
      if (oldest !== undefined && windows.size >= WINDOWS_MAX) windows.delete(oldest);
      windows.set(name, window);
    },
  };
}

async function newestRows(store: Store, name: string, first: string, newest: string): Promise<Growing> {
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
