import type { MessageId } from '../core/message.ts';
import type { Store } from '../machine/store.ts';
import type { Buffer, BufferOptions } from './api.ts';
import { keepAudited, readAuditLog } from './audit.ts';
import { readChanges } from './changes.ts';
import { decodeCursor } from './codec.ts';
import { isDamage } from './frame.ts';
import { type FoundHeads, loadHeads } from './heads.ts';
import { intervalVersions, keepIntervals, latestIntervals } from './intervals.ts';
import { type Journal, openJournal } from './journal.ts';
import { below, cursorKey, lastPart, waitingKey } from './keys.ts';
import { makeLedger } from './ledger.ts';
import { waitingState } from './life.ts';
import { readMessages } from './messages.ts';
import { openOutbox } from './outbox.ts';
import { queueMessages } from './queue.ts';
import { keepRound, readReadings } from './readings.ts';
import { decodeRow, type Rows, readRows } from './rows.ts';
import { verify } from './verify.ts';
import { lifeFromEvents } from './waiting.ts';

export type * from './api.ts';
export type { Outbox, QueuedMessage } from './outbox.ts';

/**
 * Message ids left unused at every start. A store that lost its last batches, or was restored from a copy, has forgotten the
 * last ids it gave out; the wall clock is the other guard (an id is never below the milliseconds since 1970), but a gateway
 * without a battery clock may start with a wrong one.
 */
const ID_ROOM = 1_000;

/**
 * Opens the buffer over a store. What contradicts itself at the start is reported through `onDamage` and read as carefully as
 * it can be: no number is given out twice, no message is forgotten.
 */
export async function openBuffer(store: Store, options: BufferOptions): Promise<Buffer> {
  const onDamage = options.onDamage ?? (() => undefined);
  const rows = readRows(store, onDamage);
  const found = await loadHeads(store);
  for (const damage of found.damage) onDamage(damage);
  const heads = { ...found.heads, lastId: found.heads.lastId + ID_ROOM };
  const journal = openJournal(store, heads, () => options.clock.now());
  await mendOutbox(journal, rows, found);
  return assemble(store, journal, rows, options);
}

function assemble(store: Store, journal: Journal, rows: Rows, options: BufferOptions): Buffer {
  const readings = readReadings(rows);
  const messages = readMessages(rows);
  return {
    outbox: openOutbox(journal, rows, messages),

    async keepRound(round) {
      const kept = await keepRound(journal, round);
      for (const conflict of kept.conflicts) options.onConflict?.(conflict);
      return kept;
    },
    readings: readings.within,
    readingAtOrBefore: readings.atOrBefore,
    readingAtOrAfter: readings.atOrAfter,
    conflicts: readings.conflicts,

    keepIntervals: (intervals) => keepIntervals(journal, intervals),
    intervals: async (point, channel, span) => (await latestIntervals(rows, point, channel, span)).intact,
    intervalVersions: (point, channel, start) => intervalVersions(rows, point, channel, start),

    keepAudited: (intervals, make) => keepAudited(journal, intervals, make),
    auditLog: () => readAuditLog(rows),

    queueMessages: (count, make, supersedes = []) => queueMessages(journal, count, make, supersedes),
    async queueMessage(make, supersedes = []) {
      const [message] = await queueMessages(journal, 1, (ids) => ids.map(make), supersedes);
      return message!;
    },
    message: messages.message,
    messageState: messages.state,
    attempts: messages.attempts,
    receipt: messages.receipt,
    messagesOf: messages.ofDay,
    deliveryOf: messages.deliveryOf,

    changes: (stream, afterSequence, limit) => readChanges(store, rows, journal, stream, afterSequence, limit),
    cursor: (name) => readCursor(store, rows, name),
    setCursor: (name, sequence) =>
      journal.write(async (draft) => {
        draft.set(cursorKey(name), { sequence });
      }),
    onChange: journal.onChange,

    ledger: (expected) => makeLedger(rows, messages, expected),
    verify: () => verify(store, journal, rows),
  };
}

/** A damaged cursor means from the start: the stages that follow are idempotent. */
async function readCursor(store: Store, rows: Rows, name: string): Promise<number> {
  const key = cursorKey(name);
  const bytes = await store.get(key);
  if (!bytes) return 0;
  const cursor = decodeRow(key, bytes, decodeCursor);
  if (!isDamage(cursor)) return cursor.sequence;
  rows.onDamage(cursor);
  return 0;
}

/** When the outbox has not as many rows as the vital record says, a message could wait for ever: it is filled again. */
async function mendOutbox(journal: Journal, rows: Rows, found: FoundHeads): Promise<void> {
  const listed = await rows.keys(below('w/'));
  if (listed.length === found.heads.waiting && found.damage.length === 0) return;
  rows.onDamage({ key: 'w/', detail: `the outbox has ${listed.length} rows, ${found.heads.waiting} were written` });
  const known = new Set(listed);
  const ids: MessageId[] = (await rows.keys(below('n/'))).map(lastPart);
  await journal.write(async (draft) => {
    let waiting = listed.length;
    for (const id of ids) {
      if (known.has(waitingKey(id))) continue;
      const life = await lifeFromEvents(draft, id);
      if (!waitingState(life)) continue;
      draft.set(waitingKey(id), life);
      waiting++;
    }
    draft.countWaiting(waiting - found.heads.waiting);
  });
}
