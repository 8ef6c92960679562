import { z } from 'zod';
import { type Buffer, openBuffer } from '../buffer/index.ts';
import { below, lastPart } from '../buffer/keys.ts';
import { walk } from '../buffer/rows.ts';
import { readVitalLine } from '../buffer/vital.ts';
import type { MessageId } from '../core/message.ts';
import { MINUTE_MS, type UtcMs } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Clock } from '../machine/clock.ts';
import type { Folder } from '../machine/folder.ts';
import type { Store } from '../machine/store.ts';
import { chained } from './audit-chain.ts';
import { type HeldText, type RestoredText, readAudit } from './audit-texts.ts';
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
  /** What the audit log is to say of it, but what comes out here. */
  readonly said?: Omit<RestoredText, 'holdsDays'> | undefined;
}

export interface WentOn {
  /** Messages that only the second copy knew. */
  readonly messages: number;
  /** Days that were over by now wait for a person, because what was sent since the backup is not known. */
  readonly holdsDays: boolean;
  /** Why the old machine's second copy may not know all that was sent. */
  readonly vitalDoubt?: string;
}

/**
 * Ids jump ahead of whatever was given out since, and the second copy begins anew. Without the old machine's own, whole, days that it may
 * have sent are held.
 *
 * So are they where the second copy is of a machine that held days itself, since a restore or damage that the backup knows nothing of: it
 * does not know what had been sent before, and the messages that waited there for a person would go out here.
 */
export async function makeGoOn({
  store,
  vital,
  isVitalOld,
  state,
  clock,
  backupAt = 0,
  said,
}: RestoredParts): Promise<WentOn> {
  const buffer = await openBuffer(store, { clock, vital, idRoom: IDS_LEFT_UNUSED });
  const heldThere = await holdUnknownTo(buffer, vital);
  const ofBackup = await messageIds(store);
  const { messages } = await buffer.restoreVital();
  const holdsDays = !isVitalOld || heldThere !== undefined;
  if (holdsDays) {
    const newestId = await lastMessageOf(store);
    const last = newestId === '' ? undefined : await buffer.message(newestId).catch(() => undefined);
    const at = clock.now();
    // Of a second copy with damaged lines too: one of them may have told that its machine held days.
    const lastId = lastInCommon(ofBackup, await messageIds(store));
    await holdDays(state, { because: 'restore', at, knownAt: Math.max(at, backupAt, last?.madeAt ?? 0), lastId });
  }
  const vitalDoubt = said?.vitalDoubt ?? (heldThere && doubtOf(heldThere));
  const doubt = vitalDoubt === undefined ? {} : { vitalDoubt };
  if (said) await buffer.keepAudited([], (before) => chained(before, JSON.stringify({ ...said, ...doubt, holdsDays })));
  await buffer.setCursor('restored', 0);
  await buffer.compactVital(clock.now() - VITAL_KEEP_MS);
  // What the old machine had found and not mended is for the first start here.
  if (buffer.unmended.length === 0) await buffer.mended();
  await vital.close();
  return { messages, holdsDays, ...doubt };
}

const auditedSchema = z.object({ text: z.string() });

function doubtOf({ what, at }: RestoredText | HeldText): string {
  return what === 'restored'
    ? `its machine held days itself, restored on ${at}`
    : `its machine held days itself, since damage that was found on ${at}`;
}

/** Since when the machine of a second copy held days, and why, where the store's own audit log does not tell of it. */
async function holdUnknownTo(buffer: Buffer, vital: AppendLog): Promise<RestoredText | HeldText | undefined> {
  const known = new Set((await buffer.auditLog()).map(({ text }) => text));
  for await (const line of vital.lines())
    for (const [key, payload] of readVitalLine(line)?.rows ?? []) {
      const entry = key.startsWith('a/') ? auditedSchema.safeParse(payload).data : undefined;
      const said = entry && !known.has(entry.text) ? readAudit(entry.text) : undefined;
      if (said?.what === 'held' || (said?.what === 'restored' && said.holdsDays)) return said;
    }
  return undefined;
}

async function messageIds(store: Store): Promise<MessageId[]> {
  const ids: MessageId[] = [];
  for await (const [key] of walk(store, below('m/'))) ids.push(lastPart(key));
  return ids;
}

/** The highest id of a backup below all that only the second copy knew; empty for none. */
function lastInCommon(ofBackup: readonly MessageId[], all: readonly MessageId[]): MessageId {
  const known = new Set(ofBackup);
  const first = all.find((id) => !known.has(id));
  return ofBackup.findLast((id) => first === undefined || id < first) ?? '';
}

/** The highest message id that a store knows; empty for none. */
export async function lastMessageOf(store: Store): Promise<MessageId> {
  const [last] = await store.range({ ...below('m/'), reverse: true, limit: 1 });
  return last ? lastPart(last[0]) : '';
}
