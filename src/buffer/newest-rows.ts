import type { Store, StoreOp } from '../machine/store.ts';
import { damageOf } from './frame.ts';
import { below, type KeyRange } from './keys.ts';

/** Of a point's channel: two days of quarter-hours. */
const ROWS_MAX = 192;
/** Read at once of who is not known yet: two days of hours, and some. */
const ROWS_LEARNT = 64;
/** Of all rows together, with their keys: three days of a site of ten points with hours. */
const BYTES_MAX = 256_000;
/** Points times channels times kinds. */
const WINDOWS_MAX = 512;
const KINDS: ReadonlySet<string> = new Set(['i/', 'l/', 'g/']);
const KIND_LENGTH = 'i/'.length;

export interface KnownRow {
  readonly key: string;
  /** Whole: written here, or verified when it was read. */
  readonly bytes: Uint8Array;
}

/**
 * The newest intervals of each point and channel, which messages carry them, and what was given up. The stages look at the same hours again and
 * again; the buffer is the only writer, so what it has written or verified once it need not ask the disk for. Bounded; anything
 * doubtful makes it forget. What happens to the disk under it the scrubber finds, which always reads the disk.
 */
export interface NewestRows {
  heed(ops: readonly StoreOp[]): void;
  forget(): void;
  /** Every row of the range in order; undefined where not all of them are known. */
  within(range: KeyRange): readonly KnownRow[] | undefined;
  /** A row that is known to be there or not to be there; undefined where neither is known. */
  row(key: string): { readonly bytes: Uint8Array | undefined } | undefined;
  /** Learns the newest rows of whom the range is about, where it knows nothing of it; true where it did. */
  learn(range: KeyRange): Promise<boolean>;
}

/** Every row of a prefix from a key on. */
interface Window {
  from: string;
  readonly rows: KnownRow[];
}

export function rememberNewest(store: Pick<Store, 'range'>): NewestRows {
  const windows = new Map<string, Window>();
  let total = 0;
  /** Whether something was written while the disk was read. */
  let writes = 0;

  function forget(): void {
    windows.clear();
    total = 0;
    writes++;
  }

  function drop(window: Window, place: number): void {
    const [row] = window.rows.splice(place, 1);
    if (row) total -= sizeOf(row);
  }

  function put(window: Window, row: KnownRow): void {
    const place = placeOf(window.rows, row.key);
    if (window.rows[place]?.key === row.key) drop(window, place);
    window.rows.splice(place, 0, row);
    total += sizeOf(row);
    if (window.rows.length > ROWS_MAX) shorten(window);
    while (total > BYTES_MAX) shorten(longest());
  }

  /** What comes after the oldest row is still known whole. */
  function shorten(window: Window): void {
    window.from = `${window.rows[0]?.key ?? window.from}\u0000`;
    drop(window, 0);
  }

  function longest(): Window {
    return [...windows.values()].reduce((a, b) => (b.rows.length > a.rows.length ? b : a));
  }

  return {
    forget,

    heed(ops) {
      writes++;
      for (const op of ops) {
        const window = windows.get(prefixOf(op.key));
        if (!window || op.key < window.from) continue;
        if (op.kind === 'put') put(window, { key: op.key, bytes: op.value });
        else {
          const place = placeOf(window.rows, op.key);
          if (window.rows[place]?.key === op.key) drop(window, place);
        }
      }
    },

    within({ gte, lt }) {
      const prefix = prefixOf(gte);
      const window = windows.get(prefix);
      if (!window || gte < window.from || lt > endOf(prefix)) return undefined;
      return window.rows.slice(placeOf(window.rows, gte), placeOf(window.rows, lt));
    },

    row(key) {
      const window = windows.get(prefixOf(key));
      if (!window || key < window.from) return undefined;
      const row = window.rows[placeOf(window.rows, key)];
      return { bytes: row?.key === key ? row.bytes : undefined };
    },

    async learn({ gte }) {
      const prefix = prefixOf(gte);
      if (prefix === '' || windows.has(prefix) || windows.size >= WINDOWS_MAX) return false;
      const before = writes;
      const page = await store.range({ gte: prefix, lt: endOf(prefix), reverse: true, limit: ROWS_LEARNT });
      if (before !== writes || windows.has(prefix)) return false;
      const rows = page.map(([key, bytes]) => ({ key, bytes })).reverse();
      const isWhole = rows.every(({ key, bytes }) => !damageOf(key, bytes));
      const window: Window = { from: isWhole ? prefix : endOf(prefix), rows: [] };
      if (isWhole && rows.length === ROWS_LEARNT) window.from = rows[0]!.key;
      windows.set(prefix, window);
      if (isWhole) for (const row of rows) put(window, row);
      return isWhole;
    },
  };
}

/** `i/<point>/<channel>/`, and of links and of what was given up; '' of any other key. */
function prefixOf(key: string): string {
  if (!KINDS.has(key.slice(0, KIND_LENGTH))) return '';
  const channelAt = key.indexOf('/', KIND_LENGTH) + 1;
  return channelAt === 0 ? '' : key.slice(0, key.indexOf('/', channelAt) + 1);
}

/** The first key after all of the prefix. */
function endOf(prefix: string): string {
  return below(prefix).lt;
}

/** The place of the first row at or after a key; most often it is near the end. */
function placeOf(rows: readonly KnownRow[], key: string): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sizeOf({ key, bytes }: KnownRow): number {
  return key.length + bytes.length;
}
