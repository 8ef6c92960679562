import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { withoutSecrets } from '../core/address-secrets.ts';
import type { BackupPart } from './backup-file.ts';
import { hasPrivateKey, isSecretName } from './backup-secrets.ts';
import { deviceLibrary } from './device-files.ts';
import { searchFolders } from './project.ts';
import type { LoadedSite } from './site-files.ts';

const SITE_FILE = 'site/site.yaml';
/** A file that a site file names is a few kB; whatever is larger is something else. */
const FILE_BYTES_MAX = 5_000_000;
/** Files of device models and format packs. */
const DATA = /\.ya?ml$/;
/** State that others make anew, or that must not be copied. */
const NOT_STATE = /^(status\.json|vital\.log.*|control\.sock|repair-wanted|repair-report-.*|.*\.unfinished)$/;

export interface ConfigParts {
  readonly parts: readonly BackupPart[];
  /** Files that hold secrets, which have to be brought separately. */
  readonly leftOut: readonly string[];
  /** So many user names, passwords and keys in addresses of the site file were masked. */
  readonly masked: number;
}

/** The files behind a site: what it runs with on this machine must be what it runs with on the next. */
export function configParts(loaded: LoadedSite, withSecrets: boolean): ConfigParts {
  const named = namedFiles(loaded.site, loaded.folder);
  const secret = new Set(named.flatMap(({ path, isSecret }) => (isSecret ? [path] : [])));
  const found = [...filesOf(loaded, withSecrets, named)].map(([name, path]) => ({
    name,
    path,
    bytes: readFileSync(path),
  }));
  if (withSecrets) return { parts: found.map(partOf), leftOut: [], masked: 0 };
  const isOpen = ({ path, bytes }: (typeof found)[number]) => !secret.has(path) && !hasPrivateKey(bytes);
  const { text, masked } = withoutSecrets(readFileSync(loaded.file, 'utf8'));
  const parts = found.filter(isOpen).map(partOf);
  const kept = parts.map((part) => (part.name === SITE_FILE ? { ...part, bytes: Buffer.from(text) } : part));
  const leftOut = found.filter((each) => !isOpen(each)).map(({ path }) => path);
  return { parts: kept, leftOut: [...new Set([...secret, ...leftOut])].sort(), masked };
}

function partOf({ name, bytes }: BackupPart): BackupPart {
  return { name: `site/${name}`, bytes };
}

/** By the name that each has in the backup. */
function filesOf(loaded: LoadedSite, withSecrets: boolean, named: readonly NamedFile[]): Map<string, string> {
  const files = new Map<string, string>([['site.yaml', resolve(loaded.file)]]);
  for (const name of ['device-config', 'format-packs'] as const)
    for (const file of filesBelow(join(loaded.folder, name)))
      if (withSecrets || DATA.test(file)) files.set(relative(loaded.folder, file), file);
  const library = deviceLibrary(searchFolders(loaded.folder, 'device-config'));
  for (const { config } of loaded.devices.values()) {
    const source = library.read(config.model);
    if (source) files.set(join('device-config', `${config.model}.yaml`), source.file);
  }
  for (const pack of Object.values(loaded.site.market)) {
    const name = join('format-packs', `${pack?.pack}.yaml`);
    const places = searchFolders(loaded.folder, 'format-packs').map((folder) => join(folder, `${pack?.pack}.yaml`));
    const file = places.find((path) => isFile(path));
    if (file) files.set(name, file);
  }
  for (const { path } of named) files.set(placeOf(path, loaded.folder), path);
  return files;
}

/** Files of the state folder beside the store. */
export function stateParts(folder: string, withSecrets: boolean): BackupPart[] {
  return readdirSync(folder)
    .filter((name) => isState(name) && isFile(join(folder, name)) && (withSecrets || !isSecretName(name)))
    .map((name) => ({ name: `state/${name}`, bytes: readFileSync(join(folder, name)) }));
}

/** Whether a backup takes a file of the state folder along. */
export function isState(name: string): boolean {
  return !NOT_STATE.test(name);
}

interface NamedFile {
  readonly path: string;
  readonly isSecret: boolean;
}

/** Every value of the site file that is the name of a file, wherever it stands; what its field is called says what it is. */
function namedFiles(value: unknown, folder: string, field = ''): NamedFile[] {
  if (typeof value === 'string') {
    const path = resolve(folder, value);
    return value !== '' && isFile(path) ? [{ path, isSecret: isSecretName(field) }] : [];
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => namedFiles(each, folder, Array.isArray(value) ? field : name));
}

/** A file that lies elsewhere on this machine is brought, but not put there on the next. */
function placeOf(path: string, folder: string): string {
  const inside = relative(folder, path);
  return inside.startsWith('..') || isAbsolute(inside) ? join('elsewhere', path.replace(/^[/\\]+/, '')) : inside;
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter(isFile);
  } catch {
    return [];
  }
}

function isFile(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size <= FILE_BYTES_MAX;
}
