import { join, resolve } from 'node:path';
import { type Buffer, openBuffer } from '../buffer/index.ts';
import { OdecetError } from '../core/failure.ts';
import { isoUtc, parseUtc, type UtcMs } from '../core/time.ts';
import { hostFolder } from '../host/folder.ts';
import { openLevelStore } from '../host/store-level.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import type { Store } from '../machine/store.ts';
import type { LoadedSite } from './site-files.ts';

/** A site's memory: the buffer, and the moment since which it answers for the site. */
export interface State {
  readonly buffer: Buffer;
  readonly installedAt: UtcMs;
  close(): Promise<void>;
}

/**
 * `installed` stands beside the store and is written after it was created. Where it stands and the store does not, the store
 * was lost: that is told, never mended by an empty one.
 */
const INSTALLED_FILE = 'installed';
export const STORE_FOLDER = 'store';

export function stateFolder({ site, folder }: Pick<LoadedSite, 'site' | 'folder'>): string {
  return resolve(folder, site.storage.folder);
}

/** Opens the memory of a site. @param install whether a first install may create it; the tools that only look may not. */
export async function openState(loaded: LoadedSite, clock: Clock, log: Log, install: boolean): Promise<State> {
  const path = stateFolder(loaded);
  const folder = hostFolder(path);
  const written = await folder.readText(INSTALLED_FILE);
  if (written === undefined && !install) {
    throw new OdecetError(
      'store-missing',
      `${path}: no gateway has run with ${loaded.file} yet; start one, or correct storage.folder`,
    );
  }
  const store = await openLevelStore({ folder: join(path, STORE_FOLDER), create: written === undefined });
  const installed = written?.trim() ?? isoUtc(clock.now());
  if (written === undefined) await folder.write(INSTALLED_FILE, `${installed}\n`);
  return { buffer: await openChecked(store, clock, log), installedAt: parseUtc(installed), close: () => store.close() };
}

async function openChecked(store: Store, clock: Clock, log: Log): Promise<Buffer> {
  return openBuffer(store, {
    clock,
    onDamage: (damage) => log.error('record-damaged', { record: damage.key, detail: damage.detail }),
    onConflict: ({ kept, contradicts }) =>
      log.error('readings-contradict', {
        device: kept.device,
        quantity: kept.quantity,
        at: isoUtc(kept.at),
        readAt: isoUtc(contradicts.readAt),
      }),
  });
}
