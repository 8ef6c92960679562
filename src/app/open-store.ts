import { join } from 'node:path';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { UtcMs } from '../core/time.ts';
import { hostFolder } from '../host/folder.ts';
import { openLevelStore } from '../host/store-level.ts';
import { copyAside, holdsRecords, repairLevelStore } from '../host/store-level-repair.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Folder } from '../machine/folder.ts';
import type { Log } from '../machine/log.ts';
import type { Store } from '../machine/store.ts';
import { type RepairCause, stamp } from './repair.ts';

export const STORE_FOLDER = 'store';
/** Says that the next start is to repair the store; stands until all of it was looked through. */
const REPAIR_FILE = 'repair-wanted';

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
    return repaired(folder, { cause }, now);
  }
}

/** A repair that is to be made, or was begun. */
export interface RepairWanted {
  readonly cause: string;
  /** The name of the copy that was made before it was cut off. */
  readonly copy?: string;
}

const wantedSchema = z.object({ cause: z.string(), copy: z.string().exactOptional() });

/** What an earlier run left to be done; undefined where nothing is. */
export async function repairWanted(state: Folder): Promise<RepairWanted | undefined> {
  const text = (await state.readText(REPAIR_FILE))?.trim() ?? '';
  if (text === '') return undefined;
  try {
    return wantedSchema.parse(JSON.parse(text));
  } catch {
    return { cause: text };
  }
}

export function noteRepair(state: Folder, wanted: RepairWanted | undefined): Promise<void> {
  return state.write(REPAIR_FILE, wanted ? JSON.stringify(wanted) : '');
}

/**
 * Copies aside, repairs, opens. It is written down before anything is touched: LevelDB opens in silence what a repair has dropped
 * records of, so whoever is cut off must go on with it, and with the copy that is there.
 * @param folder of the state
 */
export async function repaired(folder: string, { cause, copy: made }: RepairWanted, now: UtcMs): Promise<OpenedStore> {
  const state = hostFolder(folder);
  const store = join(folder, STORE_FOLDER);
  const isCopied = made !== undefined && (await holdsRecords(join(folder, made)));
  const copy = isCopied ? made : `${STORE_FOLDER}-damaged-${stamp(now)}`;
  if (!isCopied) {
    await noteRepair(state, { cause });
    await copyAside(store, join(folder, copy));
    await noteRepair(state, { cause, copy });
  }
  await repairLevelStore(store);
  return { store: await openLevelStore({ folder: store }), repaired: { cause, copy: join(folder, copy) } };
}

/** A store that is taken, a disk that is full, or files that may not be read, are not mended by a repair. */
async function isMendable({ failure }: OdecetError, store: string, vital: AppendLog): Promise<boolean> {
  if (failure.code === 'store-damaged') return true;
  const hasRecords = await holdsRecords(store);
  if (failure.code === 'store-unreadable') return hasRecords && failure.detail.includes('No such file');
  return failure.code === 'store-missing' && (hasRecords || (await vital.size()) > 0);
}
