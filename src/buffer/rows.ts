import { OdecetError } from '../core/failure.ts';
import type { Store, StoreRange } from '../machine/store.ts';
import type { Damage } from './api.ts';
import { checksumOf, damageOf, isDamage, openRow, openWhole, type Row } from './frame.ts';
import type { KeyRange } from './keys.ts';
import type { Recent } from './recent.ts';

/** Rows fetched at once: few at first, since many look only for the next one, then more, since the others want them all. */
const PAGE_ROWS_FIRST = 4;
/** Of who wants all of a range whose rows are small: a day of hours with its neighbours. */
const PAGE_ROWS_ALL = 32;
const PAGE_ROWS_MAX = 512;
const PAGE_BYTES = 1_000_000;
/** About one device's day: the rules of a day look at the same rows again and again. */
const REMEMBERED_MAX = 1_024;
/** Of the rows as they are stored; decoded they take several times as much. */
const REMEMBERED_BYTES_MAX = 512_000;
/** Larger ones are documents, which nobody looks at twice in a row. */
const REMEMBERED_ROW_BYTES_MAX = 8_000;
/** Ways of decoding one row: each quantity of a reading, all of them, and what it has. */
const REMEMBERED_FORMS_MAX = 24;

/** A function of its own name, never one made for the call: what it says of a row is remembered by which function it is. */
export type Decode<T extends object> = (row: Row) => T | Damage;

/** Reading through the checksums. */
export interface Rows {
  /** Undefined when it was never written. Throws `store-damaged` when it is there but damaged. */
  get<T extends object>(key: string, decode: Decode<T>): Promise<T | undefined>;
  /** The intact rows; damaged ones are reported and left out. */
  each<T extends object>(range: KeyRange, decode: Decode<T>, reverse?: boolean): AsyncGenerator<T>;
  /** The same, and the damaged ones as they are. */
  eachOrDamage<T extends object>(range: KeyRange, decode: Decode<T>, reverse?: boolean): AsyncGenerator<T | Damage>;
  /** All of a range whose rows are small, in order, page by page; damaged rows are reported and stand among the others. */
  pages<T extends object>(range: KeyRange, decode: Decode<T>): AsyncGenerator<(T | Damage)[]>;
  /** The same at once, for days of intervals and links. */
  all<T extends object>(range: KeyRange, decode: Decode<T>): Promise<(T | Damage)[]>;
  /** The first intact row that `wanted` says yes to, from one end of the range. */
  find<T extends object>(
    range: KeyRange,
    decode: Decode<T>,
    reverse: boolean,
    wanted: (value: T) => boolean,
  ): Promise<T | undefined>;
  /** Decodes what was fetched; damage is not reported. */
  decode: typeof decodeRow;
  /** The same of a row that this process wrote or has verified before, and kept: its checksum is not computed again. */
  decodeKept: typeof decodeRow;
  keys(range: KeyRange): Promise<string[]>;
  /** The first key from one end of the range. */
  firstKey(range: KeyRange, reverse: boolean): Promise<string | undefined>;
  onDamage(damage: Damage): void;
}

export function readRows(store: Store, onDamage: (damage: Damage) => void): Rows {
  const tell = (damage: Damage): void => {
    if (!damage.quarantined) onDamage(damage);
  };
  const decodeKept = rememberDecoded();
  const decodeKnown: typeof decodeRow = (key, bytes, decode) => damageOf(key, bytes) ?? decodeKept(key, bytes, decode);
  const read = <T extends object>(key: string, bytes: Uint8Array, decode: Decode<T>): T | Damage => {
    const value = decodeKnown(key, bytes, decode);
    if (isDamage(value)) tell(value);
    return value;
  };
  async function* eachOrDamage<T extends object>(range: KeyRange, decode: Decode<T>, reverse = false) {
    for await (const [key, bytes] of walk(store, range, reverse)) yield read(key, bytes, decode);
  }
  return {
    decode: decodeKnown,
    decodeKept,
    onDamage: tell,
    eachOrDamage,
    async *pages(range, decode) {
      for await (const page of walkPages(store, range, false, PAGE_ROWS_ALL))
        yield page.map(([key, bytes]) => read(key, bytes, decode));
    },
    async all(range, decode) {
      return (await allPages(store, range)).map(([key, bytes]) => read(key, bytes, decode));
    },
    async find(range, decode, reverse, wanted) {
      for await (const page of walkPages(store, range, reverse, PAGE_ROWS_FIRST))
        for (const [key, bytes] of page) {
          const value = read(key, bytes, decode);
          if (!isDamage(value) && wanted(value)) return value;
        }
      return undefined;
    },
    async get(key, decode) {
      const bytes = await store.get(key);
      if (bytes === undefined) return undefined;
      const value = read(key, bytes, decode);
      if (!isDamage(value)) return value;
      throw damaged(value);
    },
    async *each(range, decode, reverse) {
      for await (const value of eachOrDamage(range, decode, reverse)) if (!isDamage(value)) yield value;
    },
    async keys(range) {
      const keys: string[] = [];
      for await (const [key] of walk(store, range)) keys.push(key);
      return keys;
    },
    async firstKey(range, reverse) {
      const [row] = await store.range({ ...range, reverse, limit: 1 });
      return row?.[0];
    },
  };
}

/** The same; days of intervals and links are answered from memory where it has them. */
export function withMemory(rows: Rows, recent: Pick<Recent, 'within' | 'learnRows'>): Rows {
  return {
    ...rows,
    async all(range, decode) {
      const kept = recent.within(range) ?? ((await recent.learnRows(range)) ? recent.within(range) : undefined);
      if (!kept) return rows.all(range, decode);
      return kept.map(({ key, bytes }) => {
        const value = rows.decodeKept(key, bytes, decode);
        if (isDamage(value)) rows.onDamage(value);
        return value;
      });
    },
  };
}

interface Decoded {
  readonly checksum: number;
  readonly bytes: number;
  readonly decode: unknown;
  readonly value: object;
  /** Itself and all that come after it. */
  readonly forms: number;
  /** The same row decoded in another way: another of its quantities. */
  readonly other?: Decoded;
}

/**
 * Decodes rows that are whole, and remembers what the last ones said: a row with the same checksum, which covers the key and all
 * of the row, says the same.
 */
function rememberDecoded(): typeof decodeRow {
  const remembered = new Map<string, Decoded>();
  let total = 0;

  function forget(key: string): void {
    total -= remembered.get(key)?.bytes ?? 0;
    remembered.delete(key);
  }

  function remember(key: string, decoded: Decoded): void {
    forget(key);
    if (decoded.bytes > REMEMBERED_ROW_BYTES_MAX) return;
    remembered.set(key, decoded);
    total += decoded.bytes;
    if (remembered.size <= REMEMBERED_MAX && total <= REMEMBERED_BYTES_MAX) return;
    for (const [oldest] of remembered) {
      if (remembered.size <= REMEMBERED_MAX && total <= REMEMBERED_BYTES_MAX) return;
      forget(oldest);
    }
  }

  return <T extends object>(key: string, bytes: Uint8Array, decode: Decode<T>): T | Damage => {
    const checksum = checksumOf(bytes);
    const found = remembered.get(key);
    const known = found?.checksum === checksum ? found : undefined;
    for (let one = known; one; one = one.other) if (one.decode === decode) return one.value as T;
    const row = openWhole(key, bytes);
    const value = isDamage(row) ? row : decode(row);
    if (isDamage(value)) return value;
    const other = known && known.forms < REMEMBERED_FORMS_MAX ? known : undefined;
    const forms = (other?.forms ?? 0) + 1;
    remember(key, { checksum, bytes: bytes.length, decode, value, forms, ...(other && { other }) });
    return value;
  };
}

export function decodeRow<T extends object>(key: string, bytes: Uint8Array, decode: Decode<T>): T | Damage {
  const row = openRow(key, bytes);
  return isDamage(row) ? row : decode(row);
}

export function damaged({ key, detail }: Damage): OdecetError {
  return new OdecetError('store-damaged', `record ${key}: ${detail}`);
}

/** Page by page, so that memory does not grow with the range. */
export async function* walk(
  store: Store,
  range: KeyRange,
  reverse = false,
): AsyncGenerator<[key: string, bytes: Uint8Array]> {
  for await (const page of walkPages(store, range, reverse, PAGE_ROWS_FIRST)) yield* page;
}

async function allPages(store: Store, range: KeyRange): Promise<[key: string, bytes: Uint8Array][]> {
  const all: [key: string, bytes: Uint8Array][] = [];
  for await (const page of walkPages(store, range, false, PAGE_ROWS_ALL)) all.push(...page);
  return all;
}

async function* walkPages(
  store: Store,
  range: KeyRange,
  reverse: boolean,
  firstRows: number,
): AsyncGenerator<[key: string, bytes: Uint8Array][]> {
  let rest: StoreRange = { ...range, reverse };
  let limit = firstRows;
  for (;;) {
    const page = await store.range({ ...rest, limit });
    yield page;
    const last = page.at(-1);
    if (!last || page.length < limit) return;
    const bytes = page.reduce((sum, [, value]) => sum + value.length, 0);
    if (bytes * 8 < PAGE_BYTES) limit = Math.min(limit * 8, PAGE_ROWS_MAX);
    rest = reverse ? { ...rest, lt: last[0] } : { ...rest, gte: `${last[0]}\u0000` };
  }
}
