import { turns } from '../core/turns.ts';
import type { Clock } from '../machine/clock.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import { levelAge } from './level-age.ts';
import { type Change, createTally, plainCounts } from './level-counts.ts';
import { AS_LOST, AS_OPEN, goneText, lossOf, lostMark, mendedStanding, resentMessages } from './level-losses.ts';
import { oldestOf, openRows, queueOf } from './level-open.ts';
import {
  asideKey,
  COUNTS_KEY,
  decodeMessage,
  encodeRow,
  nameOf,
  pageAfter,
  parseRow,
  readMany,
  senderOf,
  standingSchema,
} from './level-rows.ts';
import {
  bareRows,
  countedAs,
  isClosed,
  isFinal,
  isToBeBared,
  lostStanding,
  newStanding,
  openRowsOf,
  removal,
  type StandingRow,
  standingOf,
  standingOp,
} from './level-standing.ts';
import { createMended } from './mended.ts';
import {
  type Kept,
  type MendedRow,
  NEVER,
  type RelayStore,
  type Settled,
  type SheddingRule,
  type SiteMessage,
  type StandingStage,
} from './store.ts';

interface Settlement {
  readonly name: string;
  /** Undefined where it was rebuilt: as what it was counted is not known. */
  readonly from: StandingStage | undefined;
  readonly to: StandingRow;
}

/**
 * The relay's memory for one relay, over an ordered store. What is not settled is also kept in memory, so that claiming reads
 * no more than what it gives. A standing that cannot be read is made anew from what else is there, and stops nothing.
 * @param clock for leases and pauses: a wall clock that is set right would hold messages back
 */
export async function openLevelRelayStore(store: Store, clock: Pick<Clock, 'monotonicMs'>): Promise<RelayStore> {
  const { open, counts, mended: found } = await openRows(store);
  const tally = createTally(counts);
  const mended = createMended();
  mended.tell(found);
  let shedAfter = '';

  const standingsOf = (names: readonly string[]) =>
    readMany<StandingRow>(store, 's/', names, (key, bytes) => parseRow(key, bytes, standingSchema));
  const messagesOf = (names: readonly string[]) => readMany(store, 'm/', names, decodeMessage);

  /** One batch with the counts that it makes; they count only when it is on the disk. */
  async function write(
    ops: readonly StoreOp[],
    changes: readonly Change[],
    rebuilt: readonly MendedRow[] = [],
  ): Promise<void> {
    if (ops.length === 0) return;
    const isDoubtful = rebuilt.some(({ key }) => key.startsWith('s/'));
    const aside = rebuilt.length > 0 ? await bytesOf(rebuilt) : [];
    const made = tally.after(changes, isDoubtful);
    await store.batch([...ops, ...aside, { kind: 'put', key: COUNTS_KEY, value: encodeRow(COUNTS_KEY, made) }]);
    tally.written(made, changes, isDoubtful);
    mended.tell(rebuilt);
  }

  async function bytesOf(rebuilt: readonly MendedRow[]): Promise<StoreOp[]> {
    const keys = rebuilt.map(({ key }) => key);
    const found = await store.getMany(keys);
    return keys.flatMap((key, n) => {
      const value = found[n];
      return value ? [{ kind: 'put' as const, key: asideKey(key), value }] : [];
    });
  }

  async function keep(messages: readonly SiteMessage[]): Promise<Kept[]> {
    const names = messages.map(nameOf);
    const [known, standings] = await Promise.all([messagesOf(names), standingsOf(names)]);
    /** New, or in place of a record that was lost. */
    const written = new Map<string, SiteMessage>();
    const rebuilt = new Map<string, MendedRow>();
    const kept = messages.map((message): Kept => {
      const name = nameOf(message);
      const earlier = written.get(name) ?? known.rows.get(name);
      if (earlier && !isSame(earlier, message))
        return { kind: 'taken', bySite: earlier.site, version: earlier.version };
      const standing = standings.rows.get(name);
      const isMarked = queueOf(open, message.sender).has(name);
      const lost = lossOf(name, known, standings, isMarked);
      if (lost) rebuilt.set(lost.key, lost);
      if (lost || needsWriting(earlier, standing)) written.set(name, message);
      const isKnown = earlier !== undefined || standing !== undefined || lost !== undefined;
      const whole = standing && !standing.isLost ? standingOf(standing) : newStanding(message);
      return { kind: isKnown ? 'known' : 'new', standing: whole };
    });
    const fresh = [...written].filter(([name]) => isFresh(standings.rows.get(name)));
    await write(
      [
        ...[...written].flatMap(openRowsOf),
        ...fresh.map(([name, message]) => standingOp({ name, to: newStanding(message) })),
      ],
      fresh.filter(([name]) => !rebuilt.has(`s/${name}`)).map(([name]) => ({ name, from: undefined, to: 'stored' })),
      [...rebuilt.values(), ...resentMessages(known, written)],
    );
    for (const [name, message] of written) putInQueue(name, message);
    return kept;
  }

  function putInQueue(name: string, { sender, site, day, receivedAt }: SiteMessage): void {
    const queue = queueOf(open, sender);
    if (!queue.has(name)) queue.add({ name, site, day, receivedAt }, 0);
  }

  /** What becomes of a standing; undefined where it stays as it is. */
  function settled(result: Settled, before: StandingRow | undefined): Settlement | undefined {
    const name = nameOf(result);
    const queue = queueOf(open, result.sender);
    if (before ? isFinal(before.stage) : !queue.has(name)) return undefined;
    queue.putOff(name, result.dueInMs === NEVER ? NEVER : clock.monotonicMs() + result.dueInMs);
    if (result.stage === 'stored') return undefined;
    const { stage, reasons, answer, at } = result;
    const to = { stage, reasons, at, attempts: before?.attempts ?? 1, ...(answer !== undefined && { answer }) };
    return { name, from: before?.stage, to };
  }

  async function settle(results: readonly Settled[]): Promise<void> {
    const { rows, damaged } = await standingsOf(results.map(nameOf));
    const standings = new Map(rows);
    const news: Settlement[] = [];
    for (const result of results) {
      const one = settled(result, standings.get(nameOf(result)));
      if (!one) continue;
      news.push(one);
      standings.set(one.name, one.to);
    }
    const done = news.filter(({ to }) => isFinal(to.stage)).map(({ name }) => name);
    const changes = news.flatMap(({ name, from, to }) => (from ? [{ name, from, to: to.stage }] : []));
    const rebuilt = news.flatMap(({ name, from, to }) => {
      const why = damaged.get(name)?.message ?? goneText(name);
      return from ? [] : [mendedStanding(name, why, `by its answer: ${to.stage}`)];
    });
    const marks = done.map((name): StoreOp => ({ kind: 'delete', key: `q/${name}` }));
    await write([...news.map(standingOp), ...marks], changes, rebuilt);
    for (const name of done) queueOf(open, senderOf(name)).remove(name);
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
        const rebuilt: MendedRow[] = [];
        const claimed = taken.flatMap(({ name, site }) => {
          const message = messages.rows.get(name);
          if (message) {
            const lost = lossOf(name, messages, standings, true);
            if (lost) rebuilt.push(lost);
            const standing = standings.rows.get(name) ?? newStanding(message);
            const attempt = standing.attempts + 1;
            return [{ name, to: { ...standing, attempts: attempt }, message, attempt }];
          }
          // Its mark stays: it is told again when the store is opened again.
          queue.remove(name);
          const why = messages.damaged.get(name)?.message ?? `m/${name}: marked as open, but gone`;
          onDamage?.({ sender, id: name.slice(sender.length + 1), site, why });
          return [];
        });
        await write(claimed.map(standingOp), [], rebuilt);
        return claimed.map(({ message, attempt }) => ({ message, attempt }));
      }),

    settle: (results) => inTurn(() => settle(results)),

    // Nothing waits for a person longer than this program runs: everything is due at the start.
    release: async () => undefined,

    shed: (rule, limit) =>
      inTurn(async () => {
        const page = await pageAfter(store, 's/', shedAfter === '' ? '' : `s/${shedAfter}`, limit);
        const names = page.map(([key]) => key.slice('s/'.length));
        const { rows: whole, damaged } = await standingsOf(names);
        const lost = await rebuiltStandings(damaged, rule);
        const rows = names.flatMap((name) => {
          const row = whole.get(name) ?? lost.rows.get(name);
          return row ? [{ name, row }] : [];
        });
        const removed = rows.filter(({ row }) => isClosed(row) && row.at < rule.removedBefore);
        const gone = new Set(removed);
        const bared = rows.filter((one) => !gone.has(one) && isToBeBared(one.row, rule));
        const messages = (await messagesOf(bared.map(({ name }) => name))).rows;
        const changes = removed.map(({ name, row }) => ({ name, from: countedAs(row), to: undefined }));
        const unmarked = await unmarkedOf(rows);
        const puts = [
          ...[...lost.rows].map(([name, to]) => standingOp({ name, to })),
          ...[...unmarked].flatMap(openRowsOf),
        ];
        const ops = [...puts, ...removed.flatMap(({ name }) => removal(name)), ...bared.flatMap(bareRows(messages))];
        await write(ops, changes, [...lost.rebuilt, ...[...unmarked.keys()].map(lostMark)]);
        for (const [name, message] of unmarked) putInQueue(name, message);
        shedAfter = page.length < limit ? '' : names.at(-1)!;
        const stages = rows.flatMap((one) => (gone.has(one) ? [] : (countedAs(one.row) ?? [])));
        tally.walked(stages, shedAfter);
        return { bared: bared.length, removed: removed.length, isDone: shedAfter === '' };
      }),

    async standing(name) {
      const { rows, damaged } = await standingsOf([nameOf(name)]);
      for (const damage of damaged.values()) throw damage;
      const row = rows.get(nameOf(name));
      return row && standingOf(row);
    },
    async siteOf(name) {
      const { rows, damaged } = await messagesOf([nameOf(name)]);
      for (const damage of damaged.values()) throw damage;
      return rows.get(nameOf(name))?.site;
    },
    ...levelAge(store),
    counts: async () => plainCounts(tally.now()),
    oldest: async () => oldestOf(open),
    onMended: mended.listen,
    size: () => store.size(),
    close: () => store.close(),
  };

  /** Not settled, and not in the queue: it would wait for ever, though its site holds the receipt `stored`. */
  async function unmarkedOf(rows: readonly { readonly name: string; readonly row: StandingRow }[]) {
    const names = rows
      .filter(({ name, row }) => !isClosed(row) && !queueOf(open, senderOf(name)).has(name))
      .map(({ name }) => name);
    return names.length > 0 ? (await messagesOf(names)).rows : new Map<string, SiteMessage>();
  }

  /** What nobody sends or asks for is met by the daily walk. */
  async function rebuiltStandings(damaged: ReadonlyMap<string, Error>, rule: SheddingRule) {
    const rows = new Map<string, StandingRow>();
    const rebuilt: MendedRow[] = [];
    const messages = (await messagesOf([...damaged.keys()])).rows;
    for (const [name, { message: why }] of damaged) {
      const message = messages.get(name);
      const isOpen = queueOf(open, senderOf(name)).has(name);
      // Neither can be read: its claim tells it.
      if (isOpen && !message) continue;
      if (isOpen && message) rows.set(name, newStanding(message));
      else rows.set(name, lostStanding(message?.receivedAt ?? rule.acceptedBefore));
      rebuilt.push(mendedStanding(name, why, isOpen ? AS_OPEN : AS_LOST));
    }
    return { rows, rebuilt };
  }
}

function isSame(one: SiteMessage, other: SiteMessage): boolean {
  return one.site === other.site && one.hash === other.hash && one.version === other.version;
}

/** Not there, or lost together with what became of it, of which its site would not ask if it knew. */
function needsWriting(earlier: SiteMessage | undefined, standing: StandingRow | undefined): boolean {
  return standing?.isLost === true || (!earlier && !(standing && isClosed(standing)));
}

/** It gets a standing of its own, as if it had just come. */
function isFresh(standing: StandingRow | undefined): boolean {
  return standing === undefined || standing.isLost === true;
}
