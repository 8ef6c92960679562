import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Files } from '../../src/sim/disk-faults.ts';

/** The files of a real LevelDB in memory, for faults that know bytes only, and put back. */

export async function readStore(folder: string): Promise<Files> {
  const names = (await readdir(folder)).sort();
  const all = names.map(async (name) => [name, new Uint8Array(await readFile(join(folder, name)))] as const);
  return new Map(await Promise.all(all));
}

/** Does a fault to the files of a folder. */
export async function damageStore(folder: string, fault: (files: Files) => void): Promise<void> {
  const files = await readStore(folder);
  const before = new Map(files);
  fault(files);
  for (const [name, bytes] of before) {
    const now = files.get(name);
    if (!now) await rm(join(folder, name));
    else if (now !== bytes) await writeFile(join(folder, name), now);
  }
}

/** The one log of a store that has not written a table since it was opened. */
export function logOf(files: Files): string {
  const [log, ...others] = [...files.keys()].filter((name) => name.endsWith('.log'));
  if (log === undefined || others.length > 0) throw new Error(`one log expected: ${[...files.keys()].join(', ')}`);
  return log;
}
