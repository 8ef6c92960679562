import { OdecetError } from '../core/failure.ts';
import type { Millis } from '../core/time.ts';
import type { Store, StoreOp, StoreRange } from '../machine/store.ts';
import type { Timers } from '../machine/timers.ts';
import { decodeBatches, encodeBatch } from './batch-log.ts';
import { copier } from './copier.ts';
import { flipBit, lostStretch, powerCut, tear, type WriteFailure, WriteFaults } from './disk-faults.ts';
import type { Random } from './random.ts';
import { SortedRows } from './sorted.ts';

export interface SimDiskOptions {
  readonly random: Random;
  /** How long a batch is under way; 0 (default) writes at once, so that a power cut never meets one. */
  readonly latencyMs?: Millis;
  /** Told of every batch that goes under way: a power cut may be meant for it. */
  readonly onWrite?: (ops: readonly StoreOp[]) => void;
}

/** A disk with a store on it: what outlives the program. */
export interface SimDisk {
  /** Opens the store. Throws store-missing or store-locked, as the real one. @param create only at the first install */
  open(create?: boolean): Promise<Store>;
  /**
   * The next batches fail, after some that do not: of one that finds no room nothing is kept, of one that fails the log may have
   * a part, or all of it, and then it is there all the same.
   */
  failNext(code: WriteFailure, times?: number, after?: number): void;
  /** The next reads fail. */
  failReads(times: number): void;
  /** From now on the disk takes no more than this; undefined = no limit. */
  limit(bytesMax: number | undefined): void;
  /**
   * The power goes. Of the batches under way the log has the first few and a part of the next one (chance decides where it ends),
   * which is dropped whole; the program's calls never settle. The store can be opened again.
   */
  powerCut(): void;
  /** Turns one bit of one value over; says of which. Undefined when there is nothing to damage. */
  flipBit(key?: string): string | undefined;
  /**
   * A table goes: rows that stand beside each other, which are told. The store is not opened (store-damaged, as LevelDB's
   * LEVEL_CORRUPTION) until it is repaired. To be called while nobody has it open.
   */
  loseTable(): readonly string[];
  /** What LevelDB's repair does: afterwards the store opens with what is left, and says nothing of the rest. */
  repair(): void;
  holds(key: string): boolean;
  bytesOf(key: string): Uint8Array | undefined;
}

interface Write {
  readonly ops: readonly StoreOp[];
  readonly done: () => void;
}

/** @param timers those of the machine the disk is in */
export function simDisk(timers: Timers, options: SimDiskOptions): SimDisk {
  return new ImaginedDisk(timers, options);
}

class ImaginedDisk implements SimDisk {
  readonly #timers: Timers;
  readonly #random: Random;
  readonly #tearing: Random;
  readonly #latencyMs: Millis;
  readonly #onWrite: (ops: readonly StoreOp[]) => void;
  #rows: SortedRows | undefined;
  #bytes = 0;
  #bytesMax: number | undefined;
  readonly #faults = new WriteFaults();
  #readFailures = 0;
  #underWay: Write[] = [];
  #user: ImaginedStore | undefined;
  #isDamaged = false;

  constructor(timers: Timers, { random, latencyMs = 0, onWrite = () => undefined }: SimDiskOptions) {
    this.#timers = timers;
    this.#random = random;
    this.#tearing = random.fork('tearing');
    this.#latencyMs = latencyMs;
    this.#onWrite = onWrite;
  }

  async open(create = false): Promise<Store> {
    if (this.#user) throw new OdecetError('store-locked', 'simulated disk: another has the store open');
    if (this.#isDamaged) {
      const cause = new Error('LEVEL_CORRUPTION: a table is missing');
      throw new OdecetError('store-damaged', 'simulated disk: a table is missing; repair it', { cause });
    }
    if (!this.#rows && !create) throw new OdecetError('store-missing', 'simulated disk: no store here');
    this.#rows ??= new SortedRows();
    this.#user = new ImaginedStore(this, this.#rows);
    return this.#user;
  }

  failNext(code: WriteFailure, times = 1, after = 0): void {
    this.#faults.failNext(code, times, after);
  }

  failReads(times: number): void {
    this.#readFailures += times;
  }

  limit(bytesMax: number | undefined): void {
    this.#bytesMax = bytesMax;
  }

  powerCut(): void {
    this.#user?.die();
    this.#user = undefined;
    const writes = this.#underWay.map(({ ops }) => encodeBatch(ops));
    this.#underWay = [];
    this.#replay(powerCut(writes, this.#random, this.#tearing));
  }

  flipBit(key?: string): string | undefined {
    const keys = this.#rows?.keys() ?? [];
    const damaged = key ?? keys[this.#random.below(keys.length)];
    const value = damaged === undefined ? undefined : this.#rows?.get(damaged);
    if (damaged === undefined || !value || value.length === 0) return undefined;
    this.#rows?.set(damaged, flipBit(value, this.#random));
    return damaged;
  }

  loseTable(): readonly string[] {
    const lost = lostStretch(this.#rows?.keys() ?? [], this.#random);
    this.#apply(lost.map((key) => ({ kind: 'delete', key })));
    this.#isDamaged = lost.length > 0;
    return lost;
  }

  repair(): void {
    this.#isDamaged = false;
  }

  holds(key: string): boolean {
    return this.#rows?.get(key) !== undefined;
  }

  bytesOf(key: string): Uint8Array | undefined {
    return this.#rows?.get(key);
  }

  size(): number {
    return this.#bytes;
  }

  /** Resolves when the batch is on the disk; never when the power goes before. */
  write(ops: readonly StoreOp[]): Promise<void> {
    const failure = this.#faults.meet(() => this.#hasRoom(ops));
    if (failure === 'store-io') this.#replay(this.#partOf(encodeBatch(ops)));
    if (failure) return Promise.reject(new OdecetError(failure, 'simulated disk'));
    if (this.#latencyMs === 0) {
      this.#apply(ops);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const write = { ops, done: resolve };
      this.#underWay.push(write);
      this.#onWrite(ops);
      this.#timers.after(this.#latencyMs, () => this.#finish(write));
    });
  }

  /** Throws where a read is to fail. */
  beforeRead(): void {
    if (this.#readFailures === 0) return;
    this.#readFailures--;
    throw new OdecetError('store-io', 'simulated disk: a sector cannot be read');
  }

  leave(): void {
    this.#user = undefined;
  }

  /** All batches take equally long, so they end in the order in which they began. */
  #finish(write: Write): void {
    if (this.#underWay[0] !== write) return;
    this.#underWay.shift();
    this.#apply(write.ops);
    write.done();
  }

  #partOf(record: Uint8Array): Uint8Array {
    return this.#random.chance(0.5) ? record : tear(record, this.#tearing);
  }

  /** What the log has behind its synced part, read as it is when the store is opened again: whole batches, and no torn one. */
  #replay(log: Uint8Array): void {
    for (const ops of decodeBatches(log)) this.#apply(ops);
  }

  #apply(ops: readonly StoreOp[]): void {
    for (const op of ops) {
      const before = op.kind === 'put' ? this.#rows?.set(op.key, op.value) : this.#rows?.delete(op.key);
      this.#bytes += growth(before, op);
    }
  }

  #hasRoom(ops: readonly StoreOp[]): boolean {
    if (this.#bytesMax === undefined) return true;
    return ops.reduce((sum, op) => sum + growth(this.#rows?.get(op.key), op), this.#bytes) <= this.#bytesMax;
  }
}

function growth(before: Uint8Array | undefined, op: StoreOp): number {
  const freed = before ? op.key.length + before.length : 0;
  return op.kind === 'put' ? op.key.length + op.value.length - freed : -freed;
}

/** The program's hold on the store. */
class ImaginedStore implements Store {
  readonly #disk: ImaginedDisk;
  readonly #rows: SortedRows;
  /** Apart: what is read is soon forgotten, and would be held by what was written into the same block. */
  readonly #copyRead = copier();
  readonly #copyWritten = copier();
  #lastWrite: Promise<unknown> = Promise.resolve();
  #state: 'open' | 'closed' | 'dead' = 'open';

  constructor(disk: ImaginedDisk, rows: SortedRows) {
    this.#disk = disk;
    this.#rows = rows;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#reading(() => this.#read(key));
  }

  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    return this.#reading(() => keys.map((key) => this.#read(key)));
  }

  range(range: StoreRange): Promise<[string, Uint8Array][]> {
    return this.#reading(() => this.#rows.page(range).map(({ key, value }) => [key, this.#copyRead(value)]));
  }

  batch(ops: readonly StoreOp[]): Promise<void> {
    return this.#whileOpen(() => {
      // A copy now: what the caller does with its bytes afterwards is its own business.
      const copies = ops.map((op) => (op.kind === 'put' ? { ...op, value: this.#copyWritten(op.value) } : op));
      const write = this.#disk.write(copies);
      this.#lastWrite = write.catch(() => undefined);
      return write;
    });
  }

  size(): Promise<number> {
    return this.#whileOpen(() => this.#disk.size());
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') return;
    await this.#lastWrite;
    this.#state = 'closed';
    this.#disk.leave();
  }

  die(): void {
    this.#state = 'dead';
  }

  #read(key: string): Uint8Array | undefined {
    const value = this.#rows.get(key);
    return value && this.#copyRead(value);
  }

  #reading<T>(work: () => T): Promise<T> {
    return this.#whileOpen(() => {
      this.#disk.beforeRead();
      return work();
    });
  }

  async #whileOpen<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#state === 'dead') return new Promise<never>(() => undefined);
    if (this.#state === 'closed') throw new OdecetError('store-io', 'simulated disk: the store is closed');
    return work();
  }
}
