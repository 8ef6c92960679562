import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HOUR_MS, isoUtc, parseUtc, type UtcMs } from '../core/time.ts';
import type { Log } from '../machine/log.ts';

/**
 * What repairs leave behind beside the store: the damaged files as they were found, as large as the store itself, and reports. They
 * are for a person to look at; after a time that is long enough they go, so that repairs cannot fill the disk.
 */
const COPY_KEPT_DAYS = 60;
const TOLD_DAYS_BEFORE = 14;
const DAY_MS = 24 * HOUR_MS;
const COPY = /^store-damaged-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d(?:\.\d+)?)Z/;

/** Half-written files bear this ending until they are whole; a crash leaves them behind, and nobody reads them. */
const UNFINISHED = '.unfinished';
/** Somebody else may be writing at one. */
const UNFINISHED_KEPT_MS = HOUR_MS;

/** Removes what crashes left half-written. Never rejects. */
export async function clearUnfinished(stateFolder: string, now: UtcMs): Promise<void> {
  for (const name of await readdir(stateFolder).catch(() => [])) {
    if (!name.endsWith(UNFINISHED)) continue;
    const file = join(stateFolder, name);
    const writtenAt = await stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => now,
    );
    if (writtenAt <= now - UNFINISHED_KEPT_MS) await rm(file, { force: true }).catch(() => undefined);
  }
}

/** Removes copies that are old, and tells of those that will be removed soon. Never rejects: tomorrow is another day. */
export async function clearCopies(stateFolder: string, now: UtcMs, log: Log): Promise<void> {
  for (const name of await readdir(stateFolder).catch(() => [])) {
    const at = madeAt(name);
    if (at === undefined) continue;
    const goesAt = at + COPY_KEPT_DAYS * DAY_MS;
    if (goesAt <= now) {
      const done = await rm(join(stateFolder, name), { recursive: true, force: true }).then(
        () => 'damaged-copy-removed',
        () => 'damaged-copy-stays',
      );
      log.warn(done, { copy: name });
    } else if (goesAt - TOLD_DAYS_BEFORE * DAY_MS <= now)
      log.warn('damaged-copy-goes', { copy: name, at: isoUtc(goesAt) });
  }
}

/** Its name says when a copy was made; undefined for every other file. */
function madeAt(name: string): UtcMs | undefined {
  const [, day, hour, minute, second] = COPY.exec(name) ?? [];
  return day === undefined ? undefined : parseUtc(`${day}T${hour}:${minute}:${second}Z`);
}
