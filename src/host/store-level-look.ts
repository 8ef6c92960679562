import { copyFile, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { OdecetError } from '../core/failure.ts';
import type { Store } from '../machine/store.ts';
import { openLevelStore } from './store-level.ts';
import { codeOf } from './store-level-error.ts';
import { isTaken } from './store-level-repair.ts';

/** LevelDB writes a table once and reads it for ever: a link will do. It deletes the link, never the table. */
const TABLE = /\.(ldb|sst)$/;
/** CURRENT, MANIFEST and the log of what is in no table yet: a few megabytes. */
const SMALL = /^(CURRENT|MANIFEST-\d+|\d+\.log)$/;

export interface LookedAtStore {
  readonly store: Store;
  /** To be called when the store is closed. */
  release(): Promise<void>;
}

/**
 * Opens a store for somebody who only looks. LevelDB has no such way: opening alone writes a new manifest, and the log into a
 * table, which a disk that is full, read-only or dying does not take. So a folder elsewhere is opened, with links to the
 * tables and copies of the rest; what LevelDB writes goes there, and the store is not touched.
 *
 * Throws OdecetError as `openLevelStore`, and store-full or store-io where there is no room for that folder.
 */
export async function lookAtLevelStore(folder: string): Promise<LookedAtStore> {
  if (await isTaken(folder)) throw new OdecetError('store-locked', `${folder}: stop the other process first`);
  const place = await makePlace();
  const release = () => rm(place, { recursive: true, force: true });
  try {
    await bringFiles(folder, place);
    return { store: await openLevelStore({ folder: place }), release };
  } catch (error) {
    await release();
    throw error instanceof OdecetError ? namedAs(error, place, folder) : error;
  }
}

async function makePlace(): Promise<string> {
  const parent = tmpdir();
  try {
    return await mkdtemp(join(parent, 'odecet-look-'));
  } catch (error) {
    throw noRoom(parent, error);
  }
}

async function bringFiles(folder: string, place: string): Promise<void> {
  for (const name of await namesIn(folder)) {
    const [from, to] = [resolve(folder, name), join(place, name)];
    try {
      if (TABLE.test(name)) await symlink(from, to);
      else if (SMALL.test(name)) await copyFile(from, to);
    } catch (error) {
      if (codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT') throw noRoom(place, error);
      throw new OdecetError('store-io', `${from}: ${String(error)}`, { cause: error });
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw new OdecetError('store-unreadable', `${folder}: ${String(error)}`, { cause: error });
  }
}

function noRoom(place: string, error: unknown): OdecetError {
  const code = codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT' ? 'store-full' : 'store-io';
  const detail = `${place}: to look at a store some megabytes are written there, never to the store itself; name a folder on another disk: TMPDIR=/media/usb odecet ... (${String(error)})`;
  return new OdecetError(code, detail, { cause: error });
}

/** Whoever reads it knows nothing of the place. */
function namedAs({ failure: { code, detail }, cause }: OdecetError, place: string, folder: string): OdecetError {
  return new OdecetError(code, detail.replaceAll(place, folder), { cause });
}
