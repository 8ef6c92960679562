import type { z } from 'zod';
import type { Clock } from '../machine/clock.ts';
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
import {
  type Kept,
  NEVER,
  type RelayStore,
  type SheddingRule,
  type SiteMessage,
  type Standing,
  type StandingStage,
} from './store.ts';

type StandingRow = Standing & Pick<z.output<typeof standingSchema>, 'isBare'>;
type Counts = Record<StandingStage, number>;
/** What is not settled, by sender. */
type Open = Map<string, FairQueue>;

/**
 * The relay's memory for one relay, over an ordered store. What is not settled is also kept in memory, so that claiming reads
 * no more than what it gives.
 * @param clock for leases and pauses: a wall clock that is set right would hold messages back
 */
export async function openLevelRelayStore(store: Store, clock: Pick<Clock, 'monotonicMs'>): Promise<RelayStore> {
  const open = await loadOpen(store);
  let counts = await loadCounts(store);
  let shedAfter = '';

  const standingsOf = (names: readonly string[]) =>
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
    /** New, or in place of a record that was lost while its standing was not. */
    const written = new Map<string, SiteMessage>();
    const kept = messages.map((message): Kept => {
      const name = nameOf(message);
      const damage = standings.damaged.get(name);
      if (damage) return { kind: 'damaged', why: damage.message };
      const standing = standings.rows.get(name);
      const earlier = written.get(name) ?? known.rows.get(name);
      if (earlier && !isSame(earlier, message)) return { kind: 'taken', bySite: earlier.site };
      if (!earlier && !isSettled(standing)) written.set(name, message);
      return { kind: earlier || standing ? 'known' : 'new', standing: standing ?? newStanding(message) };
    });
    const fresh = [...written].filter(([name]) => !standings.rows.has(name));
    await write([...[...written].flatMap(openRows), ...fresh.map(standingRow)], (counted) => {
      counted.stored += fresh.length;
    });
    for (const [name, { sender, site, day, receivedAt }] of written) {
      const queue = queueOf(open, sender);
      if (!queue.has(name)) queue.add({ name, site, day, receivedAt }, 0);
    }
    return kept;
  }

  // One call at a time decides: between looking and writing nobody else may.
  const inTurn = turns();

  return {
    keep: (messages) => inTurn(() => keep(messages)),

    claim: (sender, limit, leaseMs, onDamage) =>
      inTurn(async () => {
        const queue = queueOf(open, sender);
        const now = clock.monotonicMs();
        const taken = queue.take(limit, now, now + leaseMs);
        const names = taken.map(({ name }) => name);
        const [messages, standings] = await Promise.all([messagesOf(names), standingsOf(names)]);
        const claimed = taken.flatMap(({ name, site }) => {
          const [message, standing] = [messages.rows.get(name), standings.rows.get(name)];
          if (message && standing) {
            const attempt = standing.attempts + 1;
            const to: StandingRow = { ...standing, attempts: attempt };
            return [{ change: { name, from: standing.stage, to }, message, attempt }];
          }
          // Its mark stays: it is told again when the store is opened again.
          queue.remove(name);
          const damage = messages.damaged.get(name) ?? standings.damaged.get(name);
          const why = damage?.message ?? `${name}: marked as open, but gone`;
          onDamage?.({ sender, id: name.slice(sender.length + 1), site, why });
          return [];
        });
        await writeStandings(claimed.map(({ change }) => change));
        return claimed.map(({ message, attempt }) => ({ message, attempt }));
      }),

    settle: (results) =>
      inTurn(async () => {
        // One whose standing has become unreadable is told at its next claim.
        const standings = new Map((await standingsOf(results.map(nameOf))).rows);
        const changes: StageChange[] = [];
        const now = clock.monotonicMs();
        for (const result of results) {
          const name = nameOf(result);
          const before = standings.get(name);
          if (!before || isFinal(before.stage)) continue;
          queueOf(open, result.sender).putOff(name, result.dueInMs === NEVER ? NEVER : now + result.dueInMs);
          if (result.stage === 'stored') continue;
          const { stage, reasons, answer, at } = result;
          const to = { stage, reasons, at, attempts: before.attempts, ...(answer !== undefined && { answer }) };
          changes.push({ name, from: before.stage, to });
          standings.set(name, to);
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
        const messages = (await messagesOf(bared.map(({ name }) => name))).rows;
        await write(
          [...removed.flatMap(({ name }) => removal(name)), ...bared.flatMap(bareRows(messages))],
          (counted) => {
            for (const { row } of removed) counted[row.stage] -= 1;
          },
        );
        return { bared: bared.length, removed: removed.length, isDone: shedAfter === '' };
      }),

    async standing(name) {
      const { rows, damaged } = await standingsOf([nameOf(name)]);
      for (const damage of damaged.values()) throw damage;
      const row = rows.get(nameOf(name));
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

function isSame(one: SiteMessage, other: SiteMessage): boolean {
  return one.site === other.site && one.hash === other.hash;
}

function isSettled(standing: Standing | undefined): boolean {
  return standing !== undefined && isFinal(standing.stage);
}

function standingRow([name, message]: readonly [string, SiteMessage]): StoreOp {
  return { kind: 'put', key: `s/${name}`, value: encodeRow(newStanding(message)) };
}

function openRows([name, message]: readonly [string, SiteMessage]): StoreOp[] {
  const { day, receivedAt, site } = message;
  return [
    { kind: 'put', key: `m/${name}`, value: encodeMessage(message) },
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
