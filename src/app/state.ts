import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Buffer, Identity } from '../buffer/index.ts';
import { OdecetError } from '../core/failure.ts';
import type { UtcMs } from '../core/time.ts';
import { hostAppendLog } from '../host/append-log.ts';
import { hostFolder } from '../host/folder.ts';
import { lockFolder } from '../host/folder-lock.ts';
import { openLevelStore } from '../host/store-level.ts';
import { type LookedAtStore, lookAtLevelStore } from '../host/store-level-look.ts';
import { isTaken } from '../host/store-level-repair.ts';
import { damagedTables } from '../host/store-level-tables.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Clock } from '../machine/clock.ts';
import type { Folder } from '../machine/folder.ts';
import type { Log } from '../machine/log.ts';
import type { Store } from '../machine/store.ts';
import { isGatewayThere } from './control.ts';
import { type HeldDays, noteStart, readHeldDays } from './held.ts';
import { installedOf, isFirstInstall, readInstalled, writeInstalled } from './installed.ts';
import { type MemoryParts, newestKnown, openMemory, openMemoryAgain } from './memory.ts';
import {
  noteRepair,
  type OpenedStore,
  openOrRepair,
  type RepairWanted,
  repaired,
  repairWanted,
  STORE_FOLDER,
} from './open-store.ts';
import type { LoadedSite } from './site-files.ts';

export { STORE_FOLDER } from './open-store.ts';

/** A site's memory: the buffer, and the moment since which it answers for the site. */
export interface State {
  readonly buffer: Buffer;
  readonly installedAt: UtcMs;
  /** What a restored gateway does not send by itself. */
  readonly held: HeldDays;
  /** The report of the repair that this opening made, and how many records it found damaged or gone. */
  readonly lastRepair?: string;
  readonly damagedAtStart?: number;
  close(): Promise<void>;
}

/** The second copy of what must not be forgotten. */
export const VITAL_FILE = 'vital.log';
/** Stands while a gateway runs: found at a start, the last one ended without a word, and the tables are looked through. */
export const RUNNING_FILE = 'running';

export function stateFolder({ site, folder }: Pick<LoadedSite, 'site' | 'folder'>): string {
  return resolve(folder, site.storage.folder);
}

/**
 * Who opens a memory. `gateway`: repairs what is damaged, and a first install may create it. `change`: a person's command writes
 * to it. `look`: nothing of it is touched, since its disk may be full, read-only or dying.
 */
export type OpenedBy = 'gateway' | 'change' | 'look';

/** Opens the memory of a site. */
export async function openState(loaded: LoadedSite, clock: Clock, log: Log, by: OpenedBy): Promise<State> {
  const path = stateFolder(loaded);
  const release = await lockState(path, by === 'gateway');
  try {
    const state = await openLocked(loaded, clock, log, by);
    return {
      ...state,
      close: async () => {
        await state.close();
        await release();
      },
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * LevelDB's own lock is not held while a damaged store is copied and repaired: nobody else may open it, or repair it too.
 * @param install whether the folder may be made
 */
export async function lockState(path: string, install: boolean): Promise<() => Promise<void>> {
  const isThere = install || (await hostFolder(path).exists(''));
  return isThere ? lockFolder(path, 'a gateway or another command works in it; stop it first') : async () => undefined;
}

async function openLocked(loaded: LoadedSite, clock: Clock, log: Log, by: OpenedBy): Promise<State> {
  const path = stateFolder(loaded);
  const folder = hostFolder(path);
  const written = await readInstalled(folder);
  const vital = hostAppendLog(join(path, VITAL_FILE));
  const memory = { loaded, vital, clock, log };
  const heldDays = () => readHeldDays(folder, loaded.site.zone, clock);
  const isFirst = written === undefined && (await isFirstInstall(folder, join(path, STORE_FOLDER), vital));
  if (isFirst && by !== 'gateway') {
    throw new OdecetError(
      'store-missing',
      `${path}: no gateway has run with ${loaded.file} yet; start one, or correct storage.folder`,
    );
  }
  if (isFirst) {
    const store = await openLevelStore({ folder: join(path, STORE_FOLDER), create: true });
    const installed = clock.now();
    await writeInstalled(folder, installed);
    await folder.write(RUNNING_FILE, '');
    const buffer = await openMemory({ ...memory, store, identity: identityOf(loaded, installed) });
    return stateOf(path, store, vital, buffer, installed, await heldDays());
  }
  if (by !== 'gateway') {
    const { store, release } = await openStopped(join(path, STORE_FOLDER), by);
    const buffer = await openMemory({ ...memory, store, ...(by === 'look' && { vital: onlyRead(vital) }) });
    const installed = written ?? (await installedOf(buffer, clock.now()));
    const { close, ...state } = stateOf(undefined, store, vital, buffer, installed, await heldDays());
    return {
      ...state,
      async close() {
        await close();
        await release();
      },
    };
  }
  return openAgain({ ...memory, identity: identityOf(loaded, written), path, folder }, written);
}

async function openStopped(folder: string, by: 'change' | 'look'): Promise<LookedAtStore> {
  if (by === 'look') return lookAtLevelStore(folder);
  return { store: await openLevelStore({ folder }), release: async () => undefined };
}

/** The second copy, for who only looks: opening a memory may want to mend it. */
function onlyRead(log: AppendLog): AppendLog {
  return {
    lines: () => log.lines(),
    size: () => log.size(),
    append: async () => undefined,
    rewrite: async () => undefined,
    close: () => log.close(),
  };
}

function identityOf({ site }: LoadedSite, installedAt: UtcMs | undefined): Identity | undefined {
  return installedAt === undefined ? undefined : { site: site.site, installedAt };
}

interface Memory extends Omit<MemoryParts, 'store'> {
  readonly loaded: LoadedSite;
}

interface Opening extends Memory {
  readonly path: string;
  readonly folder: Folder;
}

/** What a gateway does at every start but the first: repairs what does not open, and looks through what is doubtful. */
async function openAgain(opening: Opening, written: UtcMs | undefined): Promise<State> {
  const { path, folder, vital, clock, log } = opening;
  const wanted = (await isInUse(path)) ? undefined : await repairDue(path, folder);
  const opened = wanted ? await repaired(path, wanted, clock.now()) : await openOrRepair(path, vital, clock.now(), log);
  try {
    return await checkOpened(opening, opened, written);
  } catch (error) {
    await opened.store.close();
    if (opened.repaired || !isUnreadable(error)) throw error;
    // LevelDB opened it, and then could not read what it had opened.
    const again = await repaired(path, { cause: error.message }, clock.now());
    return checkOpened(opening, again, written);
  }
}

async function checkOpened(
  opening: Opening,
  { store, repaired: repair }: OpenedStore,
  written: UtcMs | undefined,
): Promise<State> {
  const { path, folder, vital, clock, log } = opening;
  const { buffer, ...repairMade } = await openMemoryAgain({ ...opening, store }, folder, repair);
  if (repair && (await repairWanted(folder))) await noteRepair(folder, undefined);
  const installed = written ?? (await installedOf(buffer, clock.now(), { folder, log }));
  const lost = await noteStart(folder, clock.now(), await newestKnown(store, buffer, clock));
  if (lost !== undefined) log.error('days-held', { detail: lost });
  const held = await readHeldDays(folder, opening.loaded.site.zone, clock);
  return { ...stateOf(path, store, vital, buffer, installed, held), ...repairMade };
}

/** Nothing is looked at or mended of what another gateway works with; opening it is refused in words. */
async function isInUse(path: string): Promise<boolean> {
  return (await isTaken(join(path, STORE_FOLDER))) || (await isGatewayThere(path));
}

async function repairDue(path: string, folder: Folder): Promise<RepairWanted | undefined> {
  const cause = await damageAfterCrash(path, folder);
  return (await repairWanted(folder)) ?? (cause === undefined ? undefined : { cause });
}

/**
 * A bit that fell over in a table can end the process inside LevelDB, before anything can be said. It costs reading the whole
 * store, some seconds for a gigabyte, so it is done only where the last run was not ended.
 */
async function damageAfterCrash(path: string, folder: Folder): Promise<string | undefined> {
  const crashed = await folder.exists(RUNNING_FILE);
  await folder.write(RUNNING_FILE, '');
  const damaged = crashed ? await damagedTables(join(path, STORE_FOLDER)) : [];
  return damaged.length > 0 ? `table files do not fit their checksums: ${damaged.join(', ')}` : undefined;
}

/** To be called with what ended a gateway: a store that cannot be read is repaired at the next start. */
export async function noteUnreadable(loaded: LoadedSite, error: unknown): Promise<void> {
  if (isUnreadable(error)) await noteRepair(hostFolder(stateFolder(loaded)), { cause: error.message });
}

/** LevelDB's own word; a single record that does not fit its checksum is no reason to take the whole store apart. */
function isUnreadable(error: unknown): error is OdecetError {
  return error instanceof OdecetError && error.failure.code === 'store-damaged' && error.cause !== undefined;
}

function stateOf(
  /** Of a gateway: it ended as it should. */
  running: string | undefined,
  store: Store,
  vital: AppendLog,
  buffer: Buffer,
  installedAt: UtcMs,
  held: HeldDays,
): State {
  return {
    buffer,
    installedAt,
    held,
    async close() {
      // An end that the second copy could not be told of counts as a crash: the next start looks closely.
      const isTold = running !== undefined && (await isEndTold(buffer));
      await store.close();
      await vital.close();
      if (isTold) await rm(join(running, RUNNING_FILE), { force: true });
    },
  };
}

async function isEndTold(buffer: Buffer): Promise<boolean> {
  try {
    await buffer.tellHeads();
    return true;
  } catch (error) {
    if (!(error instanceof OdecetError)) throw error;
    return false;
  }
}
