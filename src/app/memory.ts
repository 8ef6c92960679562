import { type Buffer, type Damage, type Identity, openBuffer, type Restored } from '../buffer/index.ts';
import { journalPrefix } from '../buffer/keys.ts';
import { OdecetError } from '../core/failure.ts';
import { givenOutAt } from '../core/message-id.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Clock } from '../machine/clock.ts';
import type { Folder } from '../machine/folder.ts';
import type { Log } from '../machine/log.ts';
import type { Store } from '../machine/store.ts';
import { lastMessageOf } from './go-on.ts';
import { holdDays } from './held.ts';
import { noteHeldDays } from './note-held-days.ts';
import { planPoints } from './plan.ts';
import { lookThrough, type RepairCause } from './repair.ts';
import { BELIEVED } from './retention-clock.ts';
import type { LoadedSite } from './site-files.ts';

/** What a site's memory stands on: the real machine or the imagined one. */
export interface MemoryParts {
  readonly loaded: Pick<LoadedSite, 'site' | 'devices'>;
  readonly store: Store;
  /** The second copy of what must not be forgotten. */
  readonly vital: AppendLog;
  readonly clock: Clock;
  readonly log: Log;
  /** What a store is told of itself that does not know it; the imagined machine leaves it out. */
  readonly identity?: Identity | undefined;
}

/** The youngest entries of each journal, which a damaged LevelDB log takes with it, are looked at at every start. */
const ENDS = 2_000;

export async function openMemory({ loaded, store, vital, clock, log, identity }: MemoryParts): Promise<Buffer> {
  return openBuffer(store, {
    clock,
    siteNumber: loaded.site.number,
    vital,
    identity,
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

export interface OpenedMemory {
  readonly buffer: Buffer;
  /** The report of the repair that this opening made, beside the store. */
  readonly lastRepair?: string;
  /** Records that it found damaged or gone. */
  readonly damagedAtStart?: number;
}

/**
 * What a gateway does at every start but the first: where the store was repaired, its youngest records are not whole, or it has
 * forgotten what the second copy knows, all of it is looked through and what can be mended is mended.
 */
export async function openMemoryAgain(
  parts: MemoryParts,
  folder: Folder,
  repaired?: RepairCause,
): Promise<OpenedMemory> {
  const { loaded, clock, log } = parts;
  const buffer = await openMemory(parts);
  const doubts = repaired ? [] : await buffer.scrubEnds(ENDS);
  const cause = repaired ?? causeOf(doubts.length, buffer);
  const points = planPoints(loaded.site, loaded.devices);
  const { retention } = loaded.site.storage;
  const looked = cause && (await lookThrough({ buffer, points, retention }, folder, cause, clock.now(), log));
  const { copyDoubt } = buffer;
  let restored: Restored | undefined;
  if (copyDoubt !== undefined) {
    const isLost = hasForgottenMessages(buffer, looked?.missing ?? []);
    log.error('second-copy-damaged', { doubt: copyDoubt });
    restored = await unlessFull(() => buffer.restoreVital(), log);
    if (isLost) await holdAfterDamage(parts, buffer, folder, copyDoubt);
  }
  await unlessFull(async () => {
    // Before the copy is written anew: nothing but the held days and their entry tells afterwards that it was not whole.
    await noteHeldDays(buffer, folder, clock.now(), copyDoubt);
    if (restored) await renewCopy(buffer, restored, log);
    if (cause || copyDoubt !== undefined) await buffer.mended();
  }, log);
  return { buffer, ...(looked && { lastRepair: looked.report, damagedAtStart: looked.missing.length }) };
}

/** Messages may have been there that neither the store nor its second copy can name any more. */
function hasForgottenMessages(buffer: Buffer, missing: readonly Damage[]): boolean {
  return (
    buffer.begunAnew ||
    buffer.behind.delivery !== undefined ||
    missing.some(({ key }) => key.startsWith(journalPrefix('delivery')))
  );
}

/** What was sent is not known then, as after a restore: made again under a new id it could be a double. */
async function holdAfterDamage(parts: MemoryParts, buffer: Buffer, folder: Folder, doubt: string): Promise<void> {
  const { store, clock, log } = parts;
  const knownAt = await newestKnown(store, buffer, clock);
  await holdDays(folder, { at: clock.now(), knownAt, lastId: await lastMessageOf(store), because: 'damage' });
  const detail =
    'messages are lost with the store, and the second copy is damaged: days that are over wait for a person';
  log.error('days-held', { doubt, detail });
}

/** The newest time that anything knows: a box without a clock of its own starts in 1970, where no day is over. */
export async function newestKnown(store: Store, buffer: Buffer, clock: Clock): Promise<UtcMs> {
  const lastId = await lastMessageOf(store);
  const given = lastId === '' ? 0 : givenOutAt(lastId);
  return Math.max(clock.now(), given, await buffer.cursor(BELIEVED), buffer.identity?.installedAt ?? 0);
}

/** A second copy that is not whole is made anew from the store at once, after the store was given what is left of it. */
async function renewCopy(buffer: Buffer, { messages, records }: Restored, log: Log): Promise<void> {
  await buffer.compactVital(0);
  log.warn('second-copy-written-anew', { messages, records });
}

/** A full disk must not keep the gateway from its meters; the next start tries again. */
async function unlessFull<T>(work: () => Promise<T>, log: Log): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof OdecetError)) throw error;
    log.error('second-copy-waits', { ...error.failure });
    return undefined;
  }
}

function causeOf(doubts: number, { behind, unmended }: Buffer): RepairCause | undefined {
  if (doubts > 0) return { cause: `${doubts} of the youngest records are damaged or gone` };
  if (Object.keys(behind).length > 0) return { cause: 'the store has forgotten what the second copy knows' };
  return unmended.length > 0
    ? { cause: 'damage was found before, and the power went before it was mended' }
    : undefined;
}
