import { copyFile, mkdir, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { OdecetError } from '../core/failure.ts';
import { codeOf, openError } from './store-level-error.ts';
import { damagedTables, removeTables } from './store-level-tables.ts';
import { syncPath } from './sync-path.ts';

/** A copy bears this ending until it is whole. */
const UNFINISHED = '.unfinished';

/**
 * Copies the folder of a damaged store: afterwards the copy is on the disk, whole. Half a copy of a run that was cut off is removed.
 * Throws OdecetError store-full when there is no room; then nothing of it is left.
 */
export async function copyAside(folder: string, copy: string): Promise<void> {
  const above = dirname(copy);
  const unfinished = `${copy}${UNFINISHED}`;
  try {
    await removeHalfCopies(above, `${basename(folder)}-`);
    // The store may be a link to another disk; what stands there is wanted.
    const from = await realpath(folder);
    try {
      await mkdir(unfinished);
      for (const entry of await readdir(from, { withFileTypes: true }))
        if (entry.isFile()) await copySynced(join(from, entry.name), join(unfinished, entry.name));
      await rename(unfinished, copy);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      throw error;
    }
    await syncPath(above);
  } catch (error) {
    throw openError(folder, error);
  }
}

async function removeHalfCopies(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder))
    if (name.startsWith(prefix) && name.endsWith(UNFINISHED))
      await rm(join(folder, name), { recursive: true, force: true });
}

/** A file that the disk cannot read any more is left out: it is lost, and must not keep the others from being repaired. */
async function copySynced(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to);
  } catch (error) {
    if (codeOf(error) !== 'EIO') throw error;
    await rm(to, { force: true });
    return;
  }
  await syncPath(to);
}

/**
 * Lets LevelDB make of a damaged store what it can: it reads every table and log again and writes CURRENT and MANIFEST anew. What
 * it drops, it drops in silence: whoever opens the store afterwards must count. To be called again where it was cut off.
 */
export async function repairLevelStore(folder: string): Promise<void> {
  try {
    // A damaged table would end the process while LevelDB merges it.
    await removeTables(folder, await damagedTables(folder));
    await ClassicLevel.repair(folder);
    // Where it puts the files that it has read: they are in the copy.
    await rm(join(folder, 'lost'), { recursive: true, force: true });
  } catch (error) {
    throw openError(folder, error);
  }
}

/**
 * Whether a process has the store open: LevelDB holds a lock on the file LOCK. Asked without opening, because opening a damaged
 * store may end this process. Where the system does not tell (not Linux) the answer is no.
 */
export async function isTaken(folder: string): Promise<boolean> {
  const lock = await stat(join(folder, 'LOCK')).catch(() => undefined);
  if (!lock) return false;
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  // Files of different disks may have one number, as the first ones of two new disks have.
  return new RegExp(` ${(await diskOf(folder)) ?? '[0-9a-f]+:[0-9a-f]+'}:${lock.ino} `).test(locks);
}

/**
 * The disk of a folder as /proc/locks names it. `stat` tells another number on btrfs and overlays; and nobody may open LOCK for
 * it: whoever closes a file lets go of all locks that his own process has on it.
 */
async function diskOf(folder: string): Promise<string | undefined> {
  const handle = await open(folder, 'r').catch(() => undefined);
  try {
    const about = await readFile(`/proc/self/fdinfo/${handle?.fd}`, 'utf8');
    const mount = /^mnt_id:\s+(\d+)$/m.exec(about)?.[1];
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    const numbers = new RegExp(`^${mount} \\d+ (\\d+):(\\d+) `, 'm').exec(mounts)?.slice(1);
    return numbers?.map((number) => Number(number).toString(16).padStart(2, '0')).join(':');
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}

/** Whether a folder has files that can hold records. */
export async function holdsRecords(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder)).some((name) => /\.(log|ldb|sst)$/.test(name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw new OdecetError('store-unreadable', `${folder}: ${String(error)}`, { cause: error });
  }
}
