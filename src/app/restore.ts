import { copyFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { checkCopy } from '../buffer/index.ts';
import { OdecetError } from '../core/failure.ts';
import { isoUtc, parseUtc, type UtcMs } from '../core/time.ts';
import { readYaml } from '../core/yaml.ts';
import { hostAppendLog } from '../host/append-log.ts';
import { diskFault } from '../host/disk-fault.ts';
import { hostFolder } from '../host/folder.ts';
import { makeFolder } from '../host/make-folder.ts';
import { openLevelStore } from '../host/store-level.ts';
import type { Clock } from '../machine/clock.ts';
import type { Store } from '../machine/store.ts';
import type { RestoredText } from './audit-texts.ts';
import { ROWS_PART } from './backup.ts';
import { readBackupFile } from './backup-file.ts';
import { decodeRows } from './backup-rows.ts';
import { makeGoOn } from './go-on.ts';
import { STORE_FOLDER } from './open-store.ts';
import { VITAL_FILE } from './state.ts';

const SITE_FILE = 'site/site.yaml';
const MANIFEST = 'manifest.json';
const manifestSchema = z.looseObject({ at: z.string() });
/** In a folder that is laid out, until all of it is there. */
const UNFINISHED = '.restore-unfinished';
/** What an empty folder may have: the rest of a restore that was cut off, and what a file system puts in its top. */
const NOTHING: ReadonlySet<string> = new Set([UNFINISHED, 'lost+found']);

export interface RestoreDone {
  readonly folder: string;
  /** Where the store stands. */
  readonly storage: string;
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
  /** Where the store is put, and where the site file says from then on; otherwise where the site file of the backup says. */
  readonly storage?: string | undefined;
  readonly passphrase?: string | undefined;
  /** `vital.log` of the machine that the backup came from, where it can still be had: it knows what was sent since. */
  readonly vital?: string | undefined;
  /** Who does it, for the audit log. */
  readonly by: string;
}

/** Where it is laid out, and where the store goes when all of it is there. */
interface Places {
  readonly state: string;
  /** The store stands within the folder of the site. */
  readonly isInside: boolean;
  readonly unfinishedSite: string;
  readonly unfinishedState: string;
}

/** Lays out a site from a backup. Nothing that exists is touched: folder and storage must be new or empty. */
export async function restore(order: RestoreOrder, clock: Clock): Promise<RestoreDone> {
  const into = resolve(order.into);
  await refuseUnlessEmpty(into);
  if (order.vital !== undefined) await refuseUnlessFile(order.vital);
  // First to the end and back: nothing is written of a file that is not whole.
  const said = await readSaid(order);
  const places = placesOf(into, order.storage === undefined ? resolve(into, said.storage) : resolve(order.storage));
  await refuseUnlessEmpty(places.state);
  const ours = [await ownPart(into), await ownPart(places.state)];
  try {
    const done = await layOut({ ...order, backupAt: said.backupAt }, places, clock);
    if (!places.isInside) await moveUp(places.state);
    // The site file comes last: no gateway starts on what is not all there.
    await moveUp(into);
    return { ...done, folder: into, storage: places.state };
  } catch (error) {
    for (const remove of ours) await remove();
    throw diskFault(into, error);
  }
}

function placesOf(into: string, state: string): Places {
  const site = join(into, UNFINISHED);
  const below = relative(into, state);
  const isInside = !below.startsWith('..') && !isAbsolute(below);
  return {
    state,
    isInside,
    unfinishedSite: site,
    unfinishedState: isInside ? join(site, below) : join(state, UNFINISHED),
  };
}

async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw new OdecetError('usage', `${folder} cannot be used: ${messageOf(error)}; name another folder`, {
      cause: error,
    });
  }
}

async function refuseUnlessEmpty(folder: string): Promise<void> {
  const found = await entriesOf(folder);
  if (found.some((name) => !NOTHING.has(name)))
    throw new OdecetError('usage', `${folder} is not empty; a restore needs a new folder`);
}

async function refuseUnlessFile(file: string): Promise<void> {
  const why = await stat(file).then((found) => (found.isFile() ? undefined : 'it is no file'), messageOf);
  if (why !== undefined) throw new OdecetError('usage', `${file} cannot be read: ${why}`);
}

/** Gives what takes away again all that will have been put there. */
async function ownPart(folder: string): Promise<() => Promise<void>> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (!isThere) return () => rm(folder, { recursive: true, force: true });
  return async () => {
    const own = (await entriesOf(folder)).filter((name) => name === UNFINISHED || !NOTHING.has(name));
    for (const name of own) await rm(join(folder, name), { recursive: true, force: true });
  };
}

/** Within the folder, which may be a file system of its own: its name cannot be given to another. */
async function moveUp(folder: string): Promise<void> {
  const unfinished = join(folder, UNFINISHED);
  const names = await readdir(unfinished);
  for (const name of names.toSorted((a, b) => Number(a === 'site.yaml') - Number(b === 'site.yaml')))
    await rename(join(unfinished, name), join(folder, name));
  await rm(unfinished, { recursive: true });
}

async function layOut(
  order: Task,
  { unfinishedSite, unfinishedState, state }: Places,
  clock: Clock,
): Promise<Omit<RestoreDone, 'folder' | 'storage'>> {
  let store: Store | undefined;
  let files = 0;
  let rows = 0;
  for (const folder of [unfinishedSite, unfinishedState]) {
    await rm(folder, { recursive: true, force: true });
    await makeFolder(folder, 0o700);
  }
  try {
    for await (const { name, bytes } of readBackupFile(order.file, order.passphrase)) {
      if (name === ROWS_PART) {
        store ??= await openLevelStore({ folder: join(unfinishedState, STORE_FOLDER), create: true });
        const block = decodeRows(bytes);
        await store.batch(block.map(([key, value]) => ({ kind: 'put', key, value })));
        rows += block.length;
        continue;
      }
      if (name === MANIFEST) continue;
      const place = name.startsWith('state/')
        ? insideOf(unfinishedState, name.slice('state/'.length))
        : insideOf(unfinishedSite, name.slice('site/'.length));
      await makeFolder(dirname(place), 0o700);
      const isMoved = name === SITE_FILE && order.storage !== undefined;
      await writeFile(place, isMoved ? withStorage(bytes, state) : bytes, { mode: 0o600 });
      files++;
    }
    if (!store) throw new OdecetError('store-damaged', `${order.file} has no rows; take another backup`);
    return { files, rows, ...(await goOn(order, unfinishedState, store, clock)) };
  } finally {
    await store?.close();
  }
}

/** What the old machine's second copy says is believed only where it is this gateway's and nothing of it is missing. */
async function goOn(
  order: Task,
  folder: string,
  store: Store,
  clock: Clock,
): Promise<Omit<RestoreDone, 'folder' | 'storage' | 'files' | 'rows'>> {
  const vital = hostAppendLog(join(folder, VITAL_FILE));
  if (order.vital !== undefined) await copyFile(order.vital, join(folder, VITAL_FILE));
  const vitalDoubt = order.vital === undefined ? undefined : await checkCopy(store, vital, order.vital);
  const isVitalOld = order.vital !== undefined && vitalDoubt === undefined;
  const { backupAt, by, file } = order;
  const said: Omit<RestoredText, 'holdsDays'> = {
    at: isoUtc(clock.now()),
    what: 'restored',
    by,
    file,
    ...(backupAt !== undefined && { backupAt: isoUtc(backupAt) }),
    ...(order.vital !== undefined && { vital: order.vital }),
    ...(vitalDoubt !== undefined && { vitalDoubt }),
  };
  const parts = { store, vital, state: hostFolder(folder), clock, backupAt, said };
  const { messages, ...found } = await makeGoOn({ ...parts, isVitalOld });
  return { messagesFromVital: messages, ...found };
}

type Task = RestoreOrder & Pick<Said, 'backupAt'>;

interface Said {
  /** What the site file says of the place of the store. */
  readonly storage: string;
  readonly backupAt: UtcMs | undefined;
}

/** Reads the whole backup, before anything of it is believed. */
async function readSaid({ file, passphrase }: RestoreOrder): Promise<Said> {
  const texts = new Map<string, Uint8Array>();
  for await (const { name, bytes } of readBackupFile(file, passphrase))
    if (name === SITE_FILE || name === MANIFEST) texts.set(name, bytes);
  const [site, said] = [texts.get(SITE_FILE), texts.get(MANIFEST)];
  if (!site) throw new OdecetError('store-damaged', `${file} has no site file; take another backup`);
  const at = said && manifestSchema.parse(JSON.parse(Buffer.from(said).toString('utf8'))).at;
  return { storage: storageFolder(site), backupAt: at === undefined ? undefined : parseUtc(at) };
}

function storageFolder(siteYaml: Uint8Array): string {
  const schema = z.looseObject({ storage: z.looseObject({ folder: z.string().default('data') }).prefault({}) });
  const read = readYaml(Buffer.from(siteYaml).toString('utf8'), 'site.yaml', schema);
  if (read.kind === 'problems') throw new OdecetError('site-invalid', 'the site file of the backup cannot be read');
  return read.value.storage.folder;
}

/** The same site file with another place of the store; its comments stay. */
function withStorage(siteYaml: Uint8Array, folder: string): string {
  const document = parseDocument(Buffer.from(siteYaml).toString('utf8'));
  document.setIn(['storage', 'folder'], folder);
  return document.toString({ lineWidth: 0 });
}

/** A name in a backup never leads out of the folder that is laid out. */
function insideOf(root: string, name: string): string {
  const place = resolve(root, name);
  if (place.startsWith(root + sep)) return place;
  throw new OdecetError('store-damaged', `"${name}" in the backup leads out of the folder that is laid out`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
