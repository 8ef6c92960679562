import { cp, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { OdecetError } from '../core/failure.ts';
import { openError } from './store-level-error.ts';
import { damagedTables, removeTables } from './store-level-tables.ts';

/**
 * Copies the folder of a damaged store aside, then lets LevelDB make of it what it can: it reads every table and log again and
 * writes CURRENT and MANIFEST anew. What it drops, it drops in silence: whoever opens the store afterwards must count.
 * Throws OdecetError store-full when there is no room for the copy; then nothing was touched.
 */
export async function repairLevelStore(folder: string, copy: string): Promise<void> {
  await copyFolder(folder, copy);
  try {
    // A damaged table would end the process while LevelDB merges it.
    await removeTables(folder, await damagedTables(folder));
    await ClassicLevel.repair(folder);
  } catch (error) {
    throw openError(folder, error);
  }
}

async function copyFolder(folder: string, copy: string): Promise<void> {
  try {
    await cp(folder, copy, { recursive: true, errorOnExist: true, force: false });
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
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  return lock !== undefined && new RegExp(`:${lock.ino} `).test(locks);
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
