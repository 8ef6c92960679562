import { join } from 'node:path';
import { z } from 'zod';
import { isoUtc } from '../core/time.ts';
import { lookAtLevelStore } from '../host/store-level-look.ts';
import type { Clock } from '../machine/clock.ts';
import { configParts, stateParts } from './backup-config.ts';
import { type BackupPart, writeBackupFile } from './backup-file.ts';
import { rowBlocks } from './backup-rows.ts';
import { askInParts, type Handler } from './control.ts';
import { STORE_FOLDER } from './open-store.ts';
import type { LoadedSite } from './site-files.ts';
import { lockState, type State, stateFolder } from './state.ts';

export const ROWS_PART = 'state/rows';

export interface BackupDone {
  readonly file: string;
  readonly at: string;
  readonly encrypted: boolean;
  /** The gateway was running, and made the snapshot itself. */
  readonly running: boolean;
  /** Files with secrets that were left out, and how many secrets in addresses of the site file were masked. */
  readonly leftOut: readonly string[];
  readonly masked: number;
}

/** Serves the snapshot of a running gateway's store. */
export function backupHandler({ buffer }: Pick<State, 'buffer'>): Handler {
  return async (_request, send) => {
    const snapshot = await buffer.snapshot();
    try {
      for await (const block of rowBlocks(snapshot)) await send(Buffer.from(block).toString('base64'));
    } finally {
      await snapshot.close();
    }
    return null;
  };
}

/** Writes a consistent copy of a site's memory and configuration into one new file, whether its gateway runs or not. */
export async function backup(
  loaded: LoadedSite,
  file: string,
  passphrase: string | undefined,
  clock: Clock,
): Promise<BackupDone> {
  const state = stateFolder(loaded);
  const at = isoUtc(clock.now());
  let running = true;
  const { parts: config, leftOut, masked } = configParts(loaded, passphrase !== undefined);
  async function* parts(): AsyncGenerator<BackupPart> {
    yield { name: 'manifest.json', bytes: Buffer.from(JSON.stringify({ site: loaded.site.site, at })) };
    yield* config;
    yield* stateParts(state, passphrase !== undefined);
    const rows = await askInParts(state, { do: 'backup' });
    running = rows !== undefined;
    if (!rows) yield* rowsOfStopped(state);
    else for await (const part of rows) yield { name: ROWS_PART, bytes: Buffer.from(z.string().parse(part), 'base64') };
  }
  await writeBackupFile(file, parts(), passphrase);
  return { file, at, encrypted: passphrase !== undefined, running, leftOut, masked };
}

async function* rowsOfStopped(state: string): AsyncGenerator<BackupPart> {
  const unlock = await lockState(state, false);
  try {
    const { store, release } = await lookAtLevelStore(join(state, STORE_FOLDER));
    try {
      for await (const bytes of rowBlocks({ range: (range) => store.range(range), close: async () => undefined }))
        yield { name: ROWS_PART, bytes };
    } finally {
      await store.close();
      await release();
    }
  } finally {
    await unlock();
  }
}
