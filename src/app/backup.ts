import { copyFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { z } from 'zod';
import { checkCopy } from '../buffer/index.ts';
import { OdecetError } from '../core/failure.ts';
import { isoUtc } from '../core/time.ts';
import { readYaml } from '../core/yaml.ts';
import { hostAppendLog } from '../host/append-log.ts';
import { hostFolder } from '../host/folder.ts';
import { makeFolder } from '../host/make-folder.ts';
import { openLevelStore } from '../host/store-level.ts';
import type { Clock } from '../machine/clock.ts';
import type { Store } from '../machine/store.ts';
import { configParts, stateParts } from './backup-config.ts';
import { type BackupPart, readBackupFile, writeBackupFile } from './backup-file.ts';
import { decodeRows, rowBlocks } from './backup-rows.ts';
import { askInParts, type Handler } from './control.ts';
import { makeGoOn } from './go-on.ts';
import { STORE_FOLDER } from './open-store.ts';
import type { LoadedSite } from './site-files.ts';
import { type State, stateFolder, VITAL_FILE } from './state.ts';

const ROWS_PART = 'state/rows';

export interface BackupDone {
  readonly file: string;
  readonly at: string;
  readonly encrypted: boolean;
  /** The gateway was running, and made the snapshot itself. */
  readonly running: boolean;
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
  async function* parts(): AsyncGenerator<BackupPart> {
    yield { name: 'manifest.json', bytes: Buffer.from(JSON.stringify({ site: loaded.site.site, at })) };
    yield* configParts(loaded, passphrase !== undefined);
    yield* stateParts(state, passphrase !== undefined);
    const rows = await askInParts(state, { do: 'backup' });
    running = rows !== undefined;
    if (!rows) yield* rowsOfStopped(join(state, STORE_FOLDER));
    else for await (const part of rows) yield { name: ROWS_PART, bytes: Buffer.from(z.string().parse(part), 'base64') };
  }
  try {
    await writeBackupFile(file, parts(), passphrase);
  } catch (error) {
    if (!(error instanceof OdecetError) || error.failure.code !== 'usage') await rm(file, { force: true });
    throw error;
  }
  return { file, at, encrypted: passphrase !== undefined, running };
}

async function* rowsOfStopped(folder: string): AsyncGenerator<BackupPart> {
  const store = await openLevelStore({ folder });
  try {
    for await (const bytes of rowBlocks({ range: (range) => store.range(range), close: async () => undefined }))
      yield { name: ROWS_PART, bytes };
  } finally {
    await store.close();
  }
}

export interface RestoreDone {
  readonly folder: string;
  readonly files: number;
  readonly rows: number;
  /** Messages that only the second copy of the old machine knew. */
  readonly messagesFromVital: number;
  /** Days that were over by now wait for a person, because what was sent since the backup is not known. */
  readonly holdsDays: boolean;
  /** Why the old machine's second copy may not know all that was sent. */
  readonly vitalDoubt?: string;
}

export interface RestoreOrder {
  readonly file: string;
  readonly into: string;
  readonly passphrase?: string | undefined;
  /** `vital.log` of the machine that the backup came from, where it can still be had: it knows what was sent since. */
  readonly vital?: string | undefined;
}

/** Lays out a site's folder from a backup. Nothing that exists is touched: `into` must be new or empty. */
export async function restore(order: RestoreOrder, clock: Clock): Promise<RestoreDone> {
  const into = resolve(order.into);
  await refuseUnlessEmpty(into);
  // First to the end and back: nothing is written of a file that is not whole.
  for await (const _part of readBackupFile(order.file, order.passphrase));
  const unfinished = `${into}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  try {
    const done = await layOut(order, unfinished, clock);
    await rm(into, { recursive: true, force: true });
    await rename(unfinished, into);
    return { ...done, folder: into };
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function refuseUnlessEmpty(folder: string): Promise<void> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new OdecetError('usage', `${folder}: ${error.message}`);
  });
  if (found.length > 0) throw new OdecetError('usage', `${folder} is not empty; a restore needs a new folder`);
}

async function layOut(order: RestoreOrder, root: string, clock: Clock): Promise<Omit<RestoreDone, 'folder'>> {
  let state = '';
  let store: Store | undefined;
  let files = 0;
  let rows = 0;
  try {
    for await (const { name, bytes } of readBackupFile(order.file, order.passphrase)) {
      if (name === ROWS_PART) {
        store ??= await openLevelStore({ folder: join(state, STORE_FOLDER), create: true });
        const block = decodeRows(bytes);
        await store.batch(block.map(([key, value]) => ({ kind: 'put', key, value })));
        rows += block.length;
        continue;
      }
      if (name === 'site/site.yaml') state = insideOf(root, storageFolder(bytes));
      if (name === 'manifest.json') continue;
      const place = name.startsWith('state/')
        ? insideOf(state, name.slice('state/'.length))
        : insideOf(root, name.slice('site/'.length));
      await makeFolder(dirname(place), 0o700);
      await writeFile(place, bytes, { mode: 0o600 });
      files++;
    }
    if (!store) throw new OdecetError('store-damaged', `${order.file} has no rows; take another backup`);
    return { files, rows, ...(await goOn(order, state, store, clock)) };
  } finally {
    await store?.close();
  }
}

/** What the old machine's second copy says is believed only where it is this gateway's and nothing of it is missing. */
async function goOn(
  order: RestoreOrder,
  folder: string,
  store: Store,
  clock: Clock,
): Promise<Omit<RestoreDone, 'folder' | 'files' | 'rows'>> {
  const vital = hostAppendLog(join(folder, VITAL_FILE));
  const parts = { store, vital, state: hostFolder(folder), clock };
  if (order.vital === undefined)
    return { messagesFromVital: await makeGoOn({ ...parts, isVitalOld: false }), holdsDays: true };
  await copyFile(order.vital, join(folder, VITAL_FILE));
  const vitalDoubt = await checkCopy(store, vital, order.vital);
  const messagesFromVital = await makeGoOn({ ...parts, isVitalOld: vitalDoubt === undefined });
  return { messagesFromVital, holdsDays: vitalDoubt !== undefined, ...(vitalDoubt !== undefined && { vitalDoubt }) };
}

/** Only a relative folder can be laid out on another machine. */
function storageFolder(siteYaml: Uint8Array): string {
  const schema = z.looseObject({ storage: z.looseObject({ folder: z.string().default('data') }).prefault({}) });
  const read = readYaml(Buffer.from(siteYaml).toString('utf8'), 'site.yaml', schema);
  if (read.kind === 'problems') throw new OdecetError('site-invalid', 'the site file of the backup cannot be read');
  return read.value.storage.folder;
}

/** A name in a backup never leads out of the folder that is laid out. */
function insideOf(root: string, name: string): string {
  const place = resolve(root, name);
  if (place.startsWith(root + sep)) return place;
  throw new OdecetError(
    'usage',
    `"${name}" leads out of the folder; give storage.folder a relative name and back up again`,
  );
}
