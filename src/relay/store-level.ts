import type { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import { createFairQueue, type FairQueue } from './fair-queue.ts';
import {
  COUNTS_KEY,
  countsSchema,
  decodeMessage,
  encodeMessage,
  encodeRow,
  markSchema,
  nameOf,
  pageAfter,
  parseRow,
  readMany,
  senderOf,
  standingSchema,
  walk,
} from './level-rows.ts';
import type { Kept, RelayStore, SheddingRule, SiteMessage, Standing, StandingStage } from './store.ts';

type StandingRow = Standing & Pick<z.output<typeof standingSchema>, 'isBare'>;
type Counts = Record<StandingStage, number>;
/** What is not settled, by sender. */
type Open = Map<string, FairQueue>;

/**
 * The relay's memory for one relay, over an ordered store. What is not settled is also kept in memory, so that claiming reads
 * no more than what it gives.
 */
export async function openLevelRelayStore(store: Store): Promise<RelayStore> {
  const open = await loadOpen(store);
  let counts = await loadCounts(store);
  let shedAfter = '';

  const standingsOf = (names: readonly string[]): Promise<Map<string, StandingRow>> =>
    readMany<StandingRow>(store, 's/', names, (key, bytes) => parseRow(key, bytes, standingSchema));
  const messagesOf = (names: readonly string[]) => readMany(store, 'm/', names, decodeMessage);

  /** One batch with the counts that it makes; they count only when it is on the disk. */
  async function write(ops: readonly StoreOp[], change: (counts: Counts) => void): Promise<void> {
    if (ops.length === 0) return;
    const changed = { ...counts };
    change(changed);
    await store.batch([...ops, { kind: 'put', key: COUNTS_KEY, value: encodeRow(changed) }]);
    counts = changed;
  }

  /** Stages change from what they were to what they are. */
  async function writeStandings(changes: readonly StageChange[], more: readonly StoreOp[] = []): Promise<void> {
    const puts = changes.map(({ name, to }): StoreOp => ({ kind: 'put', key: `s/${name}`, value: encodeRow(to) }));
    await write([...puts, ...more], (counted) => {
      for (const { from, to } of changes) {
        counted[from] -= 1;
        counted[to.stage] += 1;
      }
    });
  }

  async function keep(messages: readonly SiteMessage[]): Promise<Kept[]> {
    const names = messages.map(nameOf);
    const [known, standings] = await Promise.all([messagesOf(names), standingsOf(names)]);
    const fresh = new Map<string, SiteMessage>();
    const kept = messages.map((message): Kept => {
      const name = nameOf(message);
      const earlier = fresh.get(name) ?? known.get(name);
      if (!earlier) fresh.set(name, message);
      else if (earlier.site !== message.site || earlier.hash !== message.hash)
        return { kind: 'taken', bySite: earlier.site };
      return { kind: earlier ? 'known' : 'new', standing: standings.get(name) ?? newStanding(message) };
    });
    await write([...fresh].flatMap(newRows), (counted) => {
      counted.stored += fresh.size;
    });
    for (const [name, { sender, site, day, receivedAt }] of fresh)
      queueOf(open, sender).add({ name, site, day, receivedAt }, 0);
    return kept;
  }

  // One call at a time decides: between looking and writing nobody else may.
  const inTurn = turns();

  return {
    keep: (messages) => inTurn(() => keep(messages)),

    claim: (sender, limit, now, leaseMs) =>
      inTurn(async () => {
        const names = queueOf(open, sender)
          .take(limit, now, now + leaseMs)
          .map(({ name }) => name);
        const [messages, standings] = await Promise.all([messagesOf(names), standingsOf(names)]);
        const claimed = names.flatMap((name) => {
          const [message, standing] = [messages.get(name), standings.get(name)];
          if (!message || !standing) return [];
          const attempt = standing.attempts + 1;
          const to: StandingRow = { ...standing, stage: 'sent', at: now, attempts: attempt };
          return [{ change: { name, from: standing.stage, to }, message, attempt }];
        });
        // It holds up no others; alone it is told, again after each lease.
        if (names.length > 0 && claimed.length === 0)
          throw new OdecetError(
            'store-damaged',
            `${names.join(', ')}: marked as open, but gone; restore the relay's store`,
          );
        await writeStandings(claimed.map(({ change }) => change));
        return claimed.map(({ message, attempt }) => ({ message, attempt }));
      }),

    settle: (results) =>
      inTurn(async () => {
        const standings = await standingsOf(results.map(nameOf));
        const changes: StageChange[] = [];
        for (const result of results) {
          const name = nameOf(result);
          const before = standings.get(name);
          if (!before || isFinal(before.stage)) continue;
          const { stage, reasons, answer, at } = result;
          const to = { stage, reasons, at, attempts: before.attempts, ...(answer !== undefined && { answer }) };
          changes.push({ name, from: before.stage, to });
          standings.set(name, to);
          queueOf(open, result.sender).putOff(name, result.dueAt);
        }
        const done = changes.filter(({ to }) => isFinal(to.stage)).map(({ name }) => name);
        await writeStandings(
          changes,
          done.map((name) => ({ kind: 'delete', key: `q/${name}` })),
        );
        for (const name of done) queueOf(open, senderOf(name)).remove(name);
      }),

    // Nothing waits for a person longer than this program runs: everything is due at the start.
    release: async () => undefined,

    shed: (rule, limit) =>
      inTurn(async () => {
        const page = await pageAfter(store, 's/', shedAfter, limit);
        shedAfter = page.length < limit ? '' : page.at(-1)![0];
        const rows = page.map(([key, bytes]) => ({ name: key.slice(2), row: parseRow(key, bytes, standingSchema) }));
        const removed = rows.filter(({ row }) => isFinal(row.stage) && row.at < rule.removedBefore);
        const gone = new Set(removed);
        const bared = rows.filter((one) => !gone.has(one) && isToBeBared(one.row, rule));
        const messages = await messagesOf(bared.map(({ name }) => name));
        await write(
          [...removed.flatMap(({ name }) => removal(name)), ...bared.flatMap(bareRows(messages))],
          (counted) => {
            for (const { row } of removed) counted[row.stage] -= 1;
          },
        );
        return { bared: bared.length, removed: removed.length, isDone: shedAfter === '' };
      }),

    async standing(name) {
      const row = (await standingsOf([nameOf(name)])).get(nameOf(name));
      return row && standingOf(row);
    },
    counts: async () => ({ ...counts }),
    size: () => store.size(),
    close: () => store.close(),
  };
}

interface StageChange {
  readonly name: string;
  readonly from: StandingStage;
  readonly to: StandingRow;
}

function isFinal(stage: StandingStage): boolean {
  return stage === 'accepted' || stage === 'rejected';
}

function standingOf({ stage, reasons, answer, at, attempts }: StandingRow): Standing {
  return { stage, reasons, at, attempts, ...(answer !== undefined && { answer }) };
}

function newStanding({ receivedAt }: SiteMessage): Standing {
  return { stage: 'stored', reasons: [], at: receivedAt, attempts: 0 };
}

function newRows([name, message]: readonly [string, SiteMessage]): StoreOp[] {
  const { day, receivedAt, site } = message;
  return [
    { kind: 'put', key: `m/${name}`, value: encodeMessage(message) },
    { kind: 'put', key: `s/${name}`, value: encodeRow(newStanding(message)) },
    { kind: 'put', key: `q/${name}`, value: encodeRow({ day, receivedAt, site }) },
  ];
}

function isToBeBared({ stage, at, isBare }: StandingRow, rule: SheddingRule): boolean {
  if (isBare || !isFinal(stage)) return false;
  return at < (stage === 'accepted' ? rule.acceptedBefore : rule.rejectedBefore);
}

function bareRows(messages: ReadonlyMap<string, SiteMessage>) {
  return ({ name, row }: { name: string; row: StandingRow }): StoreOp[] => {
    const { stage, reasons, at, attempts } = row;
    const message = messages.get(name);
    const bare = message && encodeMessage({ ...message, envelope: new Uint8Array(0) });
    return [
      { kind: 'put', key: `s/${name}`, value: encodeRow({ stage, reasons, at, attempts, isBare: true }) },
      ...(bare ? [{ kind: 'put' as const, key: `m/${name}`, value: bare }] : []),
    ];
  };
}

function removal(name: string): StoreOp[] {
  return ['m/', 's/', 'q/'].map((prefix) => ({ kind: 'delete', key: prefix + name }));
}

/** What is on the way at the start is due at once: whoever sent it is no more, and the same id may go again. */
async function loadOpen(store: Store): Promise<Open> {
  const open: Open = new Map();
  for await (const [key, bytes] of walk(store, 'q/')) {
    const name = key.slice('q/'.length);
    queueOf(open, senderOf(name)).add({ name, ...parseRow(key, bytes, markSchema) }, 0);
  }
  return open;
}

function queueOf(open: Open, sender: string): FairQueue {
  const queue = open.get(sender) ?? createFairQueue();
  open.set(sender, queue);
  return queue;
}

/** A store of an earlier program has no counts; they are counted once. */
async function loadCounts(store: Store): Promise<Counts> {
  const kept = await store.get(COUNTS_KEY);
  if (kept) return parseRow(COUNTS_KEY, kept, countsSchema);
  const counts = { stored: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 };
  for await (const [key, bytes] of walk(store, 's/')) counts[parseRow(key, bytes, standingSchema).stage] += 1;
  return counts;
}

/** Calls run one after another, in the order in which they came. */
function turns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
}
