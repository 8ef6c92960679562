import { access, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { OdecetError } from '../core/failure.ts';
import type { Store, StoreOp, StoreRange, StoreSnapshot } from '../machine/store.ts';
import { codeOf, openError, operationError } from './store-level-error.ts';

const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;
/** Few tables open and a small cache: LevelDB maps tables into memory, and what it maps counts as the process's own. */
const OPEN_FILES_MAX = 40;
const CACHE_BYTES = 4 * 1024 * 1024;
/** What opening again may need: the log goes into a table file, and there are a new log and manifest. */
const ROOM_TO_REOPEN_BYTES = WRITE_BUFFER_BYTES + 1024 * 1024;
/** Rows are handed over in pieces of this size. */
const PAGE_BYTES = 1024 * 1024;
const PAGE_ROWS = 1_000;

type Db = ClassicLevel<string, Uint8Array>;

export interface LevelStoreOptions {
  readonly folder: string;
  /** Only the first install says true. A folder that holds parts of a store is refused even then. */
  readonly create?: boolean;
}

/**
 * Opens the LevelDB in `folder`. LevelDB's own default would delete everything when the one small file CURRENT is gone, so
 * a store is created only where nothing is that can hold a record.
 *
 * Throws OdecetError store-missing, store-locked, store-damaged, store-full or store-unreadable.
 */
export async function openLevelStore({ folder, create = false }: LevelStoreOptions): Promise<Store> {
  const isThere = await exists(join(folder, 'CURRENT'));
  if (!isThere) await refuseUnlessNew(folder, create);
  return new LevelStore(folder, await openDb(folder, !isThere));
}

async function refuseUnlessNew(folder: string, create: boolean): Promise<void> {
  const parts = (await filesOf(folder)).filter((name) => /\.(log|ldb|sst)$/.test(name));
  if (parts.length > 0) {
    const detail = `${folder}: CURRENT is gone but ${parts.length} data files are there; keep a copy, then repair or restore`;
    throw new OdecetError('store-missing', detail);
  }
  if (!create) {
    const detail = `${folder}: no store here; is the disk mounted? A new one is made only at the first install`;
    throw new OdecetError('store-missing', detail);
  }
}

async function openDb(folder: string, createIfMissing: boolean): Promise<Db> {
  const db: Db = new ClassicLevel<string, Uint8Array>(folder, {
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    writeBufferSize: WRITE_BUFFER_BYTES,
    maxOpenFiles: OPEN_FILES_MAX,
    cacheSize: CACHE_BYTES,
    createIfMissing,
  });
  try {
    await db.open();
  } catch (error) {
    throw openError(folder, error);
  }
  return db;
}

/**
 * After a write failed (disk full), LevelDB goes on to write behind the torn record, acknowledges it, and forgets it at the
 * next start: 50 of 50 synced batches were lost so in a trial with classic-level 3.0.0. So there is one write at a time, and
 * after a failed one the database is opened anew, which begins a new log, before the next.
 */
class LevelStore implements Store {
  readonly #folder: string;
  #db: Db;
  #torn = false;
  #bytesWritten = 0;
  #closed = false;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(folder: string, db: Db) {
    this.#folder = folder;
    this.#db = db;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#guard(() => this.#db.get(key));
    return value && plainBytes(value);
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const values = await this.#guard(() => this.#db.getMany([...keys]));
    return values.map((value) => value && plainBytes(value));
  }

  range(range: StoreRange): Promise<[string, Uint8Array][]> {
    return this.#guard(() => rowsOf(this.#db, range));
  }

  async snapshot(): Promise<StoreSnapshot> {
    const db = this.#db;
    const snapshot = db.snapshot();
    return {
      range: (range) => this.#guard(() => rowsOf(db, range, snapshot)),
      close: () => snapshot.close(),
    };
  }

  compact({ gte, lt }: Pick<StoreRange, 'gte' | 'lt'>): Promise<void> {
    return this.#guard(() => this.#db.compactRange(gte, lt));
  }

  bytesWritten(): number {
    return this.#bytesWritten;
  }

  batch(ops: readonly StoreOp[]): Promise<void> {
    const write = this.#lastWrite.then(() => this.#write(ops));
    this.#lastWrite = write.catch(() => undefined);
    return write;
  }

  async size(): Promise<number> {
    const names = await filesOf(this.#folder);
    // A file may go while we look: compaction deletes what it merged.
    const sizes = await Promise.all(
      names.map((name) =>
        stat(join(this.#folder, name)).then(
          (file) => file.size,
          () => 0,
        ),
      ),
    );
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  async close(): Promise<void> {
    await this.#lastWrite;
    this.#closed = true;
    await this.#db.close();
  }

  async #write(ops: readonly StoreOp[]): Promise<void> {
    if (this.#torn) await this.#reopen();
    try {
      await this.#guard(() =>
        this.#db.batch(
          ops.map((op) =>
            op.kind === 'put' ? { type: 'put', key: op.key, value: op.value } : { type: 'del', key: op.key },
          ),
          { sync: true },
        ),
      );
    } catch (error) {
      this.#torn = true;
      throw error;
    }
    for (const op of ops) this.#bytesWritten += op.key.length + (op.kind === 'put' ? op.value.length : 0);
  }

  /** While there is no room for it the old database stays open, so that reading goes on. */
  async #reopen(): Promise<void> {
    if (this.#closed) throw new OdecetError('store-io', `${this.#folder}: the store is closed`);
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < ROOM_TO_REOPEN_BYTES)
      throw new OdecetError('store-full', `${this.#folder}: fewer than ${ROOM_TO_REOPEN_BYTES} bytes free; make room`);
    await this.#db.close();
    this.#db = await openDb(this.#folder, false);
    this.#torn = false;
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw operationError(this.#folder, error);
    }
  }
}

async function rowsOf(
  db: Db,
  { gte, lt, reverse = false, limit = -1 }: StoreRange,
  snapshot?: ReturnType<Db['snapshot']>,
): Promise<[string, Uint8Array][]> {
  const options = { gte, lt, reverse, limit, highWaterMarkBytes: PAGE_BYTES, ...(snapshot && { snapshot }) };
  const iterator = db.iterator(options);
  const rows: [string, Uint8Array][] = [];
  try {
    for (let page = await iterator.nextv(PAGE_ROWS); page.length > 0; page = await iterator.nextv(PAGE_ROWS)) {
      for (const [key, value] of page) rows.push([key, plainBytes(value)]);
    }
  } finally {
    await iterator.close();
  }
  return rows;
}

/** The same bytes as a plain Uint8Array: a Buffer's `slice` shares memory, which the simulated store's does not. */
function plainBytes(value: Uint8Array): Uint8Array {
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw openError(folder, error);
  }
}
