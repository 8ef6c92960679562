import { OdecetError } from '../core/failure.ts';
import type { Store } from '../machine/store.ts';
import { type Buffer, type BufferOptions, type Damage, STREAMS, type Stream } from './api.ts';
import { keepAudited, readAuditLog } from './audit.ts';
import { readChanges } from './changes.ts';
import { clockMemory, keepClock } from './clocks.ts';
import { decodeCursor } from './codec.ts';
import { isDamage } from './frame.ts';
import { givenUpIn } from './given-up.ts';
import { beginnings, type Heads, laterBeginnings, loadHeads } from './heads.ts';
import { readIdentity, refuseForeign, refuseNewer } from './identity.ts';
import { createIds } from './ids.ts';
import { intervalVersions, keepIntervals, latestIntervals } from './intervals.ts';
import { type Journal, openJournal } from './journal.ts';
import { below, cursorKey, IDENTITY_KEY, journalPrefix } from './keys.ts';
import { makeLedger } from './ledger.ts';
import { messageHeads } from './message-heads.ts';
import { readMessages } from './messages.ts';
import { keepMeters, meterHistory } from './meters.ts';
import { migrate } from './migrate.ts';
import { openOutbox } from './outbox.ts';
import { quarantine } from './quarantine.ts';
import { queueMessages } from './queue.ts';
import { keepRound, nameReadingsAgain, readReadings } from './readings.ts';
import { type Recent, rememberRecent } from './recent.ts';
import { keepRefusals, refusalsIn } from './refusals.ts';
import type { Restored } from './reports.ts';
import { decodeRow, type Rows, readRows, withMemory } from './rows.ts';
import { scrub, scrubEnds } from './scrub.ts';
import { mendOutbox, settleOutbox } from './settle-outbox.ts';
import { giveBack, trim } from './trim.ts';
import { addedTo, forgetUnmended, noteOpened, readUnmended, type Unmended } from './unmended.ts';
import { verify } from './verify.ts';
import { compactVital, doubtOfVital, readVital, restoreVital } from './vital.ts';

/** Keys and what was told of them, a few hundred bytes each. */
const DAMAGES_HELD_MAX = 256;

export type * from './api.ts';

export { checkCopy } from './check-copy.ts';
export type { Identity } from './identity.ts';
export { countRows } from './ledger.ts';
export type * from './reports.ts';

/**
 * Opens the buffer over a store. What contradicts itself at the start is reported through `onDamage` and read as carefully as
 * it can be: no number is given out twice, no message is forgotten.
 */
export async function openBuffer(store: Store, options: BufferOptions): Promise<Buffer> {
  const met = { damages: 0 };
  const recent = rememberRecent(store);
  const tellDamage = onceEach(options.onDamage);
  const onDamage = (damage: Damage): void => {
    met.damages++;
    recent.forget();
    tellDamage(damage);
  };
  const rows = readRows(store, onDamage);
  await refuseNewer(store);
  const stored = await readIdentity(store);
  const copied = options.vital && (await readVital(options.vital));
  refuseForeign(stored, copied?.identities ?? []);
  await migrate(store, onDamage);
  const found = await loadHeads(store);
  for (const damage of found.damage) onDamage(damage);
  const copyDoubt = copied && doubtOfVital(found.heads, copied);
  const copy = copied?.heads;
  if (found.isLost) found.heads.low = await beginnings(store, copy);
  else if (copy) found.heads.low = await laterBeginnings(store, found.heads, copy);
  const behind = behindOf(found.heads, copy);
  const isNew = STREAMS.every((stream) => found.heads[stream] === 0);
  for (const stream of STREAMS) {
    const end = found.heads[stream];
    found.heads[stream] += behind[stream] ?? 0;
    if (found.heads[stream] > end)
      onDamage({ key: journalPrefix(stream), detail: `entries ${end + 1} to ${found.heads[stream]} are gone` });
    if (isNew) found.heads.low[stream] = found.heads[stream];
  }
  const unmended = addedTo(await readUnmended(store), {
    behind,
    begunAnew: isNew && copyDoubt !== undefined,
    ...(copyDoubt !== undefined && { copyDoubt }),
  });
  const last = Math.max(found.heads.lastId, copy?.lastId ?? 0);
  const { idRoom, siteNumber: number, clock } = options;
  const ids = createIds({ last, idRoom, number, now: () => clock.now() });
  const { vital: log } = options;
  const identity = stored ?? options.identity ?? copied?.identities.at(-1);
  const listed = await rows.keys(below('w/'));
  const journal = openJournal(
    store,
    { ...found.heads, lastId: ids.last(), waiting: listed.length },
    ids,
    recent,
    log && { log, clock, heads: copy, identity },
  );
  if (identity && !stored) journal.setSoon(IDENTITY_KEY, identity);
  noteOpened(journal, unmended);
  await mendOutbox(journal, rows, found, listed);
  return assemble(store, journal, rows, recent, { ...options, identity }, unmended, met);
}

/**
 * Told once of the same damage: until the scrubber moves it aside every look at a day comes upon it again. Of more than are held
 * the first may be told again.
 */
function onceEach(tell: BufferOptions['onDamage']): (damage: Damage) => void {
  const told = new Map<string, string>();
  return (damage) => {
    if (told.get(damage.key) === damage.detail) return;
    told.set(damage.key, damage.detail);
    const [oldest] = told.keys();
    if (oldest !== undefined && told.size > DAMAGES_HELD_MAX) told.delete(oldest);
    tell?.(damage);
  };
}

/** Numbers that the second copy knows to be given out and the store does not: they are never given out again. */
function behindOf(heads: Heads, copy: Heads | undefined): Partial<Record<Stream, number>> {
  const behind: Partial<Record<Stream, number>> = {};
  for (const stream of STREAMS) if (copy && copy[stream] > heads[stream]) behind[stream] = copy[stream] - heads[stream];
  return behind;
}

function assemble(
  store: Store,
  journal: Journal,
  onDisk: Rows,
  recent: Recent,
  options: BufferOptions,
  unmended: Unmended,
  met: { damages: number },
): Buffer {
  const { vital, identity } = options;
  const { behind, begunAnew, copyDoubt } = unmended;
  /** What the second copy knows and the store may not must be in the store before the copy is written anew from it. */
  let isRestored = copyDoubt === undefined && Object.keys(behind).length === 0 && unmended.found.length === 0;
  let standingDoubt = copyDoubt;
  const restoreFromCopy = async (): Promise<Restored> => {
    const restored = vital ? await restoreVital(store, journal, vital) : { messages: 0, records: 0 };
    await settleOutbox(journal, onDisk);
    isRestored = true;
    return restored;
  };
  const rows = withMemory(onDisk, recent);
  const readings = readReadings(rows, recent);
  const messages = readMessages(rows);
  const headOf = messageHeads(messages);
  /** As they stand on the disk: the stages ask for theirs at every step. */
  const cursors = new Map<string, number>();
  /** Characters of the second copy where it was written anew. */
  let writtenAnew = 0;
  return {
    behind,
    begunAnew,
    ...(copyDoubt !== undefined && { copyDoubt }),
    unmended: unmended.found,
    identity,
    outbox: openOutbox(journal, rows, messages, headOf),

    async keepRound(round) {
      const kept = await keepRound(journal, round);
      for (const conflict of kept.conflicts) options.onConflict?.(conflict);
      return kept;
    },
    keepRefusals: (refusals) => keepRefusals(journal, rows, refusals),
    refusals: (device, span) => refusalsIn(rows, device, span),
    keepClock: (device, memory) => keepClock(journal, device, memory),
    clockMemory: (device) => clockMemory(rows, device),
    keepMeters: (device, history) => keepMeters(journal, device, history),
    meterHistory: (device) => meterHistory(rows, device),
    readings: readings.within,
    readingAtOrBefore: readings.atOrBefore,
    readingAtOrAfter: readings.atOrAfter,
    conflicts: readings.conflicts,
    readingsWithConflicts: readings.withConflicts,

    keepIntervals: (intervals) => keepIntervals(journal, intervals),
    intervals: async (point, channel, span) => (await latestIntervals(rows, point, channel, span)).intact,
    intervalVersions: (point, channel, start) => intervalVersions(rows, point, channel, start),

    keepAudited: (intervals, make) => keepAudited(journal, intervals, make),
    auditLog: () => readAuditLog(rows, journal.head('audit')),

    queueMessages: (count, make, supersedes = []) => queueMessages(journal, count, make, supersedes),
    async queueMessage(make, supersedes = []) {
      const [message] = await queueMessages(journal, 1, (ids) => ids.map(make), supersedes);
      return message!;
    },
    message: messages.message,
    messageHead: (id) => headOf(id),
    messageState: messages.state,
    attempts: messages.attempts,
    receipt: messages.receipt,
    messagesOf: messages.ofDay,
    deliveryOf: messages.deliveryOf,

    changes: (stream, afterSequence, limit) =>
      readChanges({ store, recent, rows, journal }, stream, afterSequence, limit),
    async cursor(name) {
      const known = cursors.get(name) ?? (await readCursor(store, rows, name));
      cursors.set(name, known);
      return known;
    },
    advanceCursor(name, sequence) {
      cursors.set(name, sequence);
      journal.setSoon(cursorKey(name), { sequence });
    },
    async setCursor(name, sequence) {
      cursors.delete(name);
      await journal.write(async (draft) => {
        draft.set(cursorKey(name), { sequence });
      });
      cursors.set(name, sequence);
    },
    onChange: journal.onChange,

    trim: (stream, rule) => trim(journal, rows, stream, rule),
    giveBack: (stream, olderThan) => giveBack(store, journal, stream, olderThan),
    givenUp: (point, channel, span) => givenUpIn(rows, point, channel, span),
    scrub: (from, limit) => scrub(store, journal, from, limit),
    scrubEnds: (entries) => scrubEnds(store, journal, entries),
    async quarantine(suspects) {
      // The second look is at the disk.
      recent.forget();
      const found = await quarantine(store, journal, suspects);
      met.damages += found.length;
      if (found.length > 0) isRestored = false;
      return found;
    },
    mended: () => forgetUnmended(journal, standingDoubt),
    damages: () => met.damages,
    restoreVital: restoreFromCopy,
    compactVital: async (keepAfter) => {
      if (!vital) return;
      if (!isRestored) await restoreFromCopy();
      writtenAnew += await compactVital(store, journal.heads, vital, keepAfter, identity);
      standingDoubt = undefined;
    },
    tellHeads: () => journal.tellHeads(),
    nameReadingsAgain: (device, span) => nameReadingsAgain(journal, device, span),
    entries: (stream) => journal.head(stream) - journal.low(stream),
    size: async () => ({
      store: await store.size(),
      vital: (await vital?.size()) ?? 0,
      written: (store.bytesWritten?.() ?? 0) + journal.bytesTold() + writtenAnew,
    }),
    async snapshot() {
      if (!store.snapshot) throw new OdecetError('unexpected', 'this store can make no snapshot');
      return store.snapshot();
    },

    // A proof is of what the disk has.
    ledger: (expected, look = 'whole') =>
      look === 'whole'
        ? makeLedger(onDisk, readMessages(onDisk), expected, look)
        : makeLedger(rows, messages, expected, look),
    verify: () => verify(store, journal, onDisk),
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
