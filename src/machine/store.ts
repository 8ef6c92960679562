/** One write of a batch. Keys are text, ordered by their UTF-8 bytes. */
export type StoreOp =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string };

export interface StoreRange {
  readonly gte: string;
  readonly lt: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/**
 * An ordered store of bytes. It promises what a disk can promise and no more: a batch is all or nothing, and on the disk
 * when the promise resolves. What it gives back may be damaged; the buffer checks.
 * Rejects with OdecetError store-full, store-io or store-damaged.
 */
export interface Store {
  get(key: string): Promise<Uint8Array | undefined>;
  getMany(keys: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  /** A page: all rows of the range up to the limit, in key order (or reversed). */
  range(range: StoreRange): Promise<[key: string, value: Uint8Array][]>;
  /** Synced: resolves only when the batch would survive a power cut. */
  batch(ops: readonly StoreOp[]): Promise<void>;
  /** Bytes on the disk, approximately. */
  size(): Promise<number>;
  /** Gives the room of removed rows back to the disk; where it is absent the store does so by itself. */
  compact?(range: Pick<StoreRange, 'gte' | 'lt'>): Promise<void>;
  /** The store as it is now, whatever is written afterwards. */
  snapshot?(): Promise<StoreSnapshot>;
  /** Bytes handed over to be written since the store was opened. */
  bytesWritten?(): number;
  close(): Promise<void>;
}

export interface StoreSnapshot {
  range(range: StoreRange): Promise<[key: string, value: Uint8Array][]>;
  close(): Promise<void>;
}
