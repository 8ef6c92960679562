import type { Buffer } from '../buffer/index.ts';
import { isoUtc, parseUtc, type UtcMs } from '../core/time.ts';
import { holdsRecords } from '../host/store-level-repair.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Folder } from '../machine/folder.ts';
import type { Log } from '../machine/log.ts';

/**
 * `installed` stands beside the store and says since when a gateway answers for the site. Store and second copy say the same
 * (`Identity`): any one of the three is enough to know that this is no first install, and the others are made again from it.
 */
export const INSTALLED_FILE = 'installed';

/** Undefined where the file is not there, or does not say it. */
export async function readInstalled(folder: Folder): Promise<UtcMs | undefined> {
  const text = await folder.readText(INSTALLED_FILE);
  if (text === undefined) return undefined;
  try {
    return parseUtc(text.trim());
  } catch {
    return undefined;
  }
}

export function writeInstalled(folder: Folder, at: UtcMs): Promise<void> {
  return folder.write(INSTALLED_FILE, `${isoUtc(at)}\n`);
}

/** Nothing of an earlier gateway is there: no file, no store, no second copy. */
export async function isFirstInstall(folder: Folder, store: string, vital: AppendLog): Promise<boolean> {
  return !(await folder.exists(INSTALLED_FILE)) && !(await holdsRecords(store)) && (await vital.size()) === 0;
}

/** What the memory says itself where `installed` does not; written down again by whoever may, and told. */
export async function installedOf(
  buffer: Buffer,
  now: UtcMs,
  mend?: { readonly folder: Folder; readonly log: Log },
): Promise<UtcMs> {
  const known = buffer.identity?.installedAt;
  const found = known ?? (await firstMade(buffer));
  const at = found ?? now;
  if (!mend) return at;
  const from =
    known === undefined ? 'the oldest record; correct the file where it was earlier' : 'store or second copy';
  // A first start that was cut off before it could write the file has nothing to tell.
  if (found !== undefined) mend.log.error('installed-lost', { installed: isoUtc(at), from });
  await writeInstalled(mend.folder, at);
  return at;
}

/** When the oldest interval, sample and message that are still known were made: not before the installation, and soon after it. */
async function firstMade(buffer: Buffer): Promise<UtcMs | undefined> {
  const made: UtcMs[] = [];
  for (const { items } of await buffer.changes('samples', 0, 1)) made.push(...items.map(({ at }) => at));
  for (const { items } of await buffer.changes('intervals', 0, 1))
    for (const { point, channel, start } of items)
      made.push(...(await buffer.intervalVersions(point, channel, start)).map(({ madeAt }) => madeAt));
  for (const { items } of await buffer.changes('delivery', 0, 1))
    for (const { message } of items) {
      const found = await buffer.message(message).catch(() => undefined);
      if (found) made.push(found.madeAt);
    }
  return made.length === 0 ? undefined : Math.min(...made);
}
