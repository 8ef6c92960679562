import { openBuffer } from '../buffer/index.ts';
import { below, lastPart } from '../buffer/keys.ts';
import type { MessageId } from '../core/message.ts';
import { MINUTE_MS, type UtcMs } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Clock } from '../machine/clock.ts';
import type { Folder } from '../machine/folder.ts';
import type { Store } from '../machine/store.ts';
import { chained } from './audit-chain.ts';
import type { RestoredText } from './audit-texts.ts';
import { holdDays } from './held.ts';

/**
 * Ids given out after the backup was taken are not known: a store that comes from one leaves this many unused. Below a day of
 * numbered ids, whose time retention goes by; the other guard is the wall clock, which no id lies behind.
 */
const IDS_LEFT_UNUSED = 8_000;
/** How far back days are closed by themselves, and more: what is older is never sent again. */
const VITAL_KEEP_MS = 60 * 24 * 60 * MINUTE_MS;

export interface RestoredParts {
  /** With the rows of the backup. */
  readonly store: Store;
  /** The second copy: the old machine's, or an empty one. */
  readonly vital: AppendLog;
  /** It is the old machine's, and nothing speaks against that it knows all that was sent. */
  readonly isVitalOld: boolean;
  /** Beside the store. */
  readonly state: Folder;
  readonly clock: Clock;
  /** When the backup was taken, by the old machine's clock. */
  readonly backupAt?: UtcMs | undefined;
  /** What the audit log is to say of it. */
  readonly said?: RestoredText | undefined;
}

/**
 * Ids jump ahead of whatever was given out since, and the second copy begins anew. Without the old machine's own, whole, days that it may
 * have sent are held. Gives the number of messages that only the second copy knew.
 */
export async function makeGoOn({
  store,
  vital,
  isVitalOld,
  state,
  clock,
  backupAt = 0,
  said,
}: RestoredParts): Promise<number> {
  const buffer = await openBuffer(store, { clock, vital, idRoom: IDS_LEFT_UNUSED });
  const { messages } = await buffer.restoreVital();
  if (!isVitalOld) {
    const lastId = await lastMessageOf(store);
    const last = lastId === '' ? undefined : await buffer.message(lastId).catch(() => undefined);
    const at = clock.now();
    await holdDays(state, { because: 'restore', at, knownAt: Math.max(at, backupAt, last?.madeAt ?? 0), lastId });
  }
  if (said) await buffer.keepAudited([], (before) => chained(before, JSON.stringify(said)));
  await buffer.setCursor('restored', 0);
  await buffer.compactVital(clock.now() - VITAL_KEEP_MS);
  // What the old machine had found and not mended is for the first start here.
  if (buffer.unmended.length === 0) await buffer.mended();
  await vital.close();
  return messages;
}

/** The highest message id that a store knows; empty for none. */
export async function lastMessageOf(store: Store): Promise<MessageId> {
  const [last] = await store.range({ ...below('m/'), reverse: true, limit: 1 });
  return last ? lastPart(last[0]) : '';
}
