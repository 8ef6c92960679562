import { join } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import type { UtcMs } from '../core/time.ts';
import { openLevelStore } from '../host/store-level.ts';
import { holdsRecords, repairLevelStore } from '../host/store-level-repair.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Log } from '../machine/log.ts';
import type { Store } from '../machine/store.ts';
import { type RepairCause, stamp } from './repair.ts';

export const STORE_FOLDER = 'store';

export interface OpenedStore {
  readonly store: Store;
  /** Set when the files had to be repaired: then everything has to be looked through. */
  readonly repaired?: RepairCause;
}

/**
 * Opens a store that was there before, whatever became of it. Damaged files are copied aside and repaired; where they are gone
 * altogether, a new store begins, if the second copy is there to say what it must not forget.
 */
export async function openOrRepair(folder: string, vital: AppendLog, now: UtcMs, log: Log): Promise<OpenedStore> {
  const store = join(folder, STORE_FOLDER);
  try {
    return { store: await openLevelStore({ folder: store }) };
  } catch (error) {
    if (!(error instanceof OdecetError) || !(await isMendable(error, store, vital))) throw error;
    const cause = error.message;
    log.error('store-repair', { ...error.failure });
    if (!(await holdsRecords(store)))
      return { store: await openLevelStore({ folder: store, create: true }), repaired: { cause } };
    return repaired(store, cause, now);
  }
}

/** Copies aside, repairs, opens. */
export async function repaired(store: string, cause: string, now: UtcMs): Promise<OpenedStore> {
  const copy = `${store}-damaged-${stamp(now)}`;
  await repairLevelStore(store, copy);
  return { store: await openLevelStore({ folder: store }), repaired: { cause, copy } };
}

/** A store that is taken, a disk that is full, or files that may not be read, are not mended by a repair. */
async function isMendable({ failure }: OdecetError, store: string, vital: AppendLog): Promise<boolean> {
  if (failure.code === 'store-damaged') return true;
  const hasRecords = await holdsRecords(store);
  if (failure.code === 'store-unreadable') return hasRecords && failure.detail.includes('No such file');
  return failure.code === 'store-missing' && (hasRecords || (await vital.size()) > 0);
}
