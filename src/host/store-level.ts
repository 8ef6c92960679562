import { access, readdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { OdecetError } from '../core/failure.ts';
import type { Store, StoreOp, StoreRange, StoreSnapshot } from '../machine/store.ts';
import { codeOf, openError, operationError } from './store-level-error.ts';

/** Two of them may be in memory: one that fills, one that is being written to a table. */
const WRITE_BUFFER_BYTES = 2 * 1024 * 1024;
const CACHE_BYTES = 1024 * 1024;
/** LevelDB's least. Half its default, because it maps whole tables into memory. */
const TABLE_BYTES = 1024 * 1024;
/** LevelDB's least: 64 tables, and ten files for itself. By classic-level's default of 1,000 it keeps 990 tables open and mapped. */
const OPEN_FILES = 74;
/**
 * Up to 64 tables stay mapped, and what was touched of them counts as this process's memory. Opened anew LevelDB has none mapped:
 * done when so much is, not often, because each time what is not yet in a table is written into one; of twice as much twice as soon.
 */
const LET_GO: LetGo = { afterMappedBytes: 8 * 1024 * 1024, notWithinMs: 10 * 1000 };
/** So many times in that time it is looked at how much is mapped. */
const LOOKS = 6;
const PAGE_OF_MEMORY_BYTES = 4096;
/** What opening again may need: the log goes into a table file, and there are a new log and manifest. */
const ROOM_TO_REOPEN_BYTES = WRITE_BUFFER_BYTES + 1024 * 1024;
/** Rows are handed over in pieces of this size. */
const PAGE_BYTES = 1024 * 1024;
const PAGE_ROWS = 1_000;

type Db = ClassicLevel<string, Uint8Array>;

interface LetGo {
  readonly afterMappedBytes: number;
  readonly notWithinMs: number;
}

export interface LevelStoreOptions {
  readonly folder: string;
  /** Only the first install says true. A folder that holds parts of a store is refused even then. */
  readonly create?: boolean;
  /** When the database is opened anew to let its mapped tables go; other than usual in tests. */
  readonly letGo?: LetGo;
}

/**
 * Opens the LevelDB in `folder`. LevelDB's own default would delete everything when the one small file CURRENT is gone, so
 * a store is created only where nothing is that can hold a record.
 *
 * Throws OdecetError store-missing, store-locked, store-damaged, store-full or store-unreadable.
 */
export async function openLevelStore({ folder, create = false, letGo = LET_GO }: LevelStoreOptions): Promise<Store> {
  const isThere = await exists(join(folder, 'CURRENT'));
  if (!isThere) await refuseUnlessNew(folder, create);
  const mapped = await mappedBytes();
  return new LevelStore(folder, letGo, mapped, await openDb(folder, !isThere));
}

async function refuseUnlessNew(folder: string, create: boolean): Promise<void> {
  const parts = (await filesOf(folder)).filter((name) => /\.(log|ldb|sst)$/.test(name));
  if (parts.length > 0) {
    const detail = `${folder}: CURRENT is gone but ${parts.length} data files are there; a gateway keeps a copy and repairs its store at its start; else restore a backup`;
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
    cacheSize: CACHE_BYTES,
    maxFileSize: TABLE_BYTES,
    maxOpenFiles: OPEN_FILES,
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
  readonly #letGo: LetGo;
  #db: Db;
  #torn = false;
  #openedAt = performance.now();
  #lookAt: number;
  #mappedAtOpen: number;
  #snapshots = 0;
  readonly #reads = new Set<Promise<unknown>>();
  #reopening: Promise<void> | undefined;
  #bytesWritten = 0;
  #closed = false;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(folder: string, letGo: LetGo, mapped: number, db: Db) {
    this.#mappedAtOpen = mapped;
    this.#folder = folder;
    this.#letGo = letGo;
    this.#lookAt = this.#openedAt + letGo.notWithinMs / LOOKS;
    this.#db = db;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = await this.#read((db) => db.get(key));
    return value && plainBytes(value);
  }

  async getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    const values = await this.#read((db) => db.getMany([...keys]));
    return values.map((value) => value && plainBytes(value));
  }

  range(range: StoreRange): Promise<[string, Uint8Array][]> {
    return this.#read((db) => rowsOf(db, range));
  }

  async snapshot(): Promise<StoreSnapshot> {
    while (this.#reopening) await this.#reopening.catch(() => undefined);
    const db = this.#db;
    const snapshot = db.snapshot();
    this.#snapshots += 1;
    return {
      range: (range) => this.#guard(() => rowsOf(db, range, snapshot)),
      close: async () => {
        this.#snapshots -= 1;
        await snapshot.close();
      },
    };
  }

  compact({ gte, lt }: Pick<StoreRange, 'gte' | 'lt'>): Promise<void> {
    return this.#read((db) => db.compactRange(gte, lt));
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
    if (this.#torn) await this.#openAnew();
    else if ((await this.#hasMuchMapped()) && (await this.#hasRoom())) await this.#openAnew();
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

  async #hasMuchMapped(): Promise<boolean> {
    const { afterMappedBytes, notWithinMs } = this.#letGo;
    const now = performance.now();
    if (now < this.#lookAt || this.#snapshots > 0) return false;
    this.#lookAt = now + notWithinMs / LOOKS;
    const mapped = (await mappedBytes()) - this.#mappedAtOpen;
    const sooner = Math.max(1, mapped / afterMappedBytes);
    return mapped >= afterMappedBytes && (now - this.#openedAt) * sooner >= notWithinMs;
  }

  async #hasRoom(): Promise<boolean> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize >= ROOM_TO_REOPEN_BYTES;
  }

  /** While there is no room for it the old database stays open, so that reading goes on. Called by the one writer. */
  async #openAnew(): Promise<void> {
    if (this.#closed) throw new OdecetError('store-io', `${this.#folder}: the store is closed`);
    if (!(await this.#hasRoom()))
      throw new OdecetError('store-full', `${this.#folder}: fewer than ${ROOM_TO_REOPEN_BYTES} bytes free; make room`);
    // Set before what is awaited: whoever comes to read from now on waits.
    this.#reopening = this.#replaceDb().finally(() => {
      this.#reopening = undefined;
    });
    await this.#reopening;
  }

  async #replaceDb(): Promise<void> {
    await Promise.allSettled(this.#reads);
    // What fails from here on leaves no open database: the next write tries again.
    this.#torn = true;
    await this.#db.close();
    this.#db = await openDb(this.#folder, false);
    this.#torn = false;
    this.#mappedAtOpen = await mappedBytes();
    this.#openedAt = performance.now();
    this.#lookAt = this.#openedAt + this.#letGo.notWithinMs / LOOKS;
  }

  /** Reads wait while the database is opened anew, and that waits for those that have begun. */
  async #read<T>(work: (db: Db) => Promise<T>): Promise<T> {
    while (this.#reopening) await this.#reopening.catch(() => undefined);
    const reading = this.#guard(() => work(this.#db));
    this.#reads.add(reading);
    try {
      return await reading;
    } finally {
      this.#reads.delete(reading);
    }
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

/** How much of files stands in this process's memory, Node itself too; 0 where the system does not tell. */
async function mappedBytes(): Promise<number> {
  const text = await readFile('/proc/self/statm', 'utf8').catch(() => '');
  return Number(text.split(' ')[2] ?? 0) * PAGE_OF_MEMORY_BYTES;
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
