import type { SimFile } from '../../sim/append-log.ts';
import type { SimDisk } from '../../sim/store.ts';
import type { Episode } from './faults.ts';
import type { Trace } from './trace.ts';

/** A disk that is full, or fails for a few calls. Gives what ends it. */
export function spoilStore(
  { kind, where, force, choice }: Episode,
  disk: SimDisk,
  vital: SimFile,
  trace: Trace,
): () => void {
  trace.count(kind);
  if (kind === 'store-io') {
    disk.failNext('store-io', 1 + Math.floor(8 * force * force));
    disk.failReads(Math.floor(6 * where));
    vital.failNext(1 + Math.floor(3 * choice));
    return () => undefined;
  }
  trace.note(kind, '');
  disk.limit(0);
  vital.full(true);
  return () => {
    disk.limit(undefined);
    vital.full(false);
  };
}
