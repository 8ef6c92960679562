import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { UtcMs } from '../core/time.ts';
import type { Store, StoreOp } from '../machine/store.ts';
import { reasonsSchema, STAGE_NAMES } from './standing.ts';
import type { Claimed, Kept, MessageName, RelayStore, SiteMessage, Standing, StandingStage } from './store.ts';

/**
 * The relay's memory for one relay, over an ordered store. Rows: `m/` the message, written once; `s/` its standing; `q/` a mark
 * for each that is not settled. Marks are few and also kept in memory, so that claiming reads no more than what it gives.
 */
const standingSchema = z.object({
  stage: z.enum(STAGE_NAMES),
  reasons: reasonsSchema,
  answer: z.string().exactOptional(),
  at: z.number(),
  attempts: z.int(),
});

const messageSchema = z.object({
  sender: z.string(),
  id: z.string(),
  site: z.string(),
  version: z.int(),
  hash: z.string(),
  day: z.string(),
  receivedAt: z.number(),
});

const LINE_FEED = 10;

/** A message that is not settled. */
interface Open {
  readonly name: string;
  readonly day: string;
  readonly receivedAt: UtcMs;
  dueAt: UtcMs;
}

const MARKS_AT_ONCE = 1_000;

export async function openLevelRelayStore(store: Store): Promise<RelayStore> {
  const open = await loadOpen(store);
  const counts = await countStages(store);
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

  async function standingOf(name: string): Promise<Standing | undefined> {
    const bytes = await store.get(`s/${name}`);
    return bytes && parseRow(`s/${name}`, bytes, standingSchema);
  }

  async function keepOne(message: SiteMessage, taken: Map<string, SiteMessage>, ops: StoreOp[]): Promise<Kept> {
    const name = nameOf(message);
    const earlier = taken.get(name) ?? (await readMessage(store, name));
    if (earlier) {
      const isSame = earlier.site === message.site && earlier.hash === message.hash;
      if (!isSame) return { kind: 'taken', bySite: earlier.site };
      return { kind: 'known', standing: (await standingOf(name)) ?? newStanding(message) };
    }
    taken.set(name, message);
    ops.push(
      { kind: 'put', key: `m/${name}`, value: encodeMessage(message) },
      { kind: 'put', key: `s/${name}`, value: text(newStanding(message)) },
      { kind: 'put', key: `q/${name}`, value: text({ day: message.day, receivedAt: message.receivedAt }) },
    );
    return { kind: 'new', standing: newStanding(message) };
  }

  function changeStage(ops: StoreOp[], name: string, from: StandingStage, standing: Standing): void {
    ops.push({ kind: 'put', key: `s/${name}`, value: text(standing) });
    counts[from] -= 1;
    counts[standing.stage] += 1;
  }

  // One call at a time decides: between looking and writing nobody else may.
  const inTurn = turns();

  return {
    keep: (messages) =>
      inTurn(async () => {
        const ops: StoreOp[] = [];
        const taken = new Map<string, SiteMessage>();
        const kept: Kept[] = [];
        for (const message of messages) kept.push(await keepOne(message, taken, ops));
        if (ops.length > 0) await store.batch(ops);
        counts.stored += taken.size;
        for (const [name, { day, receivedAt }] of taken) open.set(name, { name, day, receivedAt, dueAt: 0 });
        return kept;
      }),

    claim: (limit, now, leaseMs) =>
      inTurn(async () => {
        const due = [...open.values()].filter(({ dueAt }) => dueAt <= now).sort(freshestFirst);
        const ops: StoreOp[] = [];
        const claimed: Claimed[] = [];
        for (const one of due.slice(0, limit)) {
          const message = await readMessage(store, one.name);
          const standing = await standingOf(one.name);
          if (!message || !standing) throw new OdecetError('store-damaged', `m/${one.name}: marked as open, but gone`);
          const attempts = standing.attempts + 1;
          changeStage(ops, one.name, standing.stage, { ...standing, stage: 'sent', at: now, attempts });
          claimed.push({ message, attempt: attempts });
          one.dueAt = now + leaseMs;
        }
        if (ops.length > 0) await store.batch(ops);
        return claimed;
      }),

    settle: (results) =>
      inTurn(async () => {
        const ops: StoreOp[] = [];
        for (const { sender, id, stage, reasons, answer, at, dueAt } of results) {
          const name = nameOf({ sender, id });
          const before = await standingOf(name);
          if (!before || isFinal(before.stage)) continue;
          const { attempts } = before;
          changeStage(ops, name, before.stage, {
            stage,
            reasons,
            at,
            attempts,
            ...(answer !== undefined && { answer }),
          });
          const mark = open.get(name);
          if (mark) mark.dueAt = dueAt;
          if (isFinal(stage)) {
            ops.push({ kind: 'delete', key: `q/${name}` });
            open.delete(name);
          }
        }
        if (ops.length > 0) await store.batch(ops);
      }),

    standing: (name) => standingOf(nameOf(name)),
    counts: async () => ({ ...counts }),
    close: () => store.close(),
  };
}

/** The newest day first; within a day whoever came first. */
function freshestFirst(a: Open, b: Open): number {
  return a.day === b.day ? a.receivedAt - b.receivedAt : a.day < b.day ? 1 : -1;
}

function isFinal(stage: StandingStage): boolean {
  return stage === 'accepted' || stage === 'rejected';
}

function newStanding({ receivedAt }: SiteMessage): Standing {
  return { stage: 'stored', reasons: [], at: receivedAt, attempts: 0 };
}

/** A sender's code is a market code; the slash cannot stand in one. */
function nameOf({ sender, id }: MessageName): string {
  return `${sender}/${id}`;
}

function encodeMessage({ envelope, ...rest }: SiteMessage): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify(rest));
  const bytes = new Uint8Array(head.length + 1 + envelope.length);
  bytes.set(head, 0);
  bytes[head.length] = LINE_FEED;
  bytes.set(envelope, head.length + 1);
  return bytes;
}

async function readMessage(store: Store, name: string): Promise<SiteMessage | undefined> {
  const bytes = await store.get(`m/${name}`);
  if (!bytes) return undefined;
  const end = bytes.indexOf(LINE_FEED);
  return { ...parseRow(`m/${name}`, bytes.subarray(0, end), messageSchema), envelope: bytes.slice(end + 1) };
}

function parseRow<S extends z.ZodType>(key: string, bytes: Uint8Array, schema: S): z.output<S> {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new OdecetError('store-damaged', `${key}: not as it was written; restore the relay's store`, { cause });
  }
}

const markSchema = z.object({ day: z.string(), receivedAt: z.number() });

/** What is on the way at the start is due at once: whoever sent it is no more, and the same id may go again. */
async function loadOpen(store: Store): Promise<Map<string, Open>> {
  const open = new Map<string, Open>();
  for await (const [key, bytes] of walk(store, 'q/')) {
    const name = key.slice('q/'.length);
    open.set(name, { name, ...parseRow(key, bytes, markSchema), dueAt: 0 });
  }
  return open;
}

async function countStages(store: Store): Promise<Record<StandingStage, number>> {
  const counts = { stored: 0, sent: 0, accepted: 0, rejected: 0, unknown: 0 };
  for await (const [key, bytes] of walk(store, 's/')) counts[parseRow(key, bytes, standingSchema).stage] += 1;
  return counts;
}

async function* walk(store: Store, prefix: string): AsyncGenerator<[string, Uint8Array]> {
  const end = `${prefix.slice(0, -1)}0`;
  for (let gte = prefix; ; ) {
    const page = await store.range({ gte, lt: end, limit: MARKS_AT_ONCE });
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < MARKS_AT_ONCE) return;
    gte = `${last[0]}\u0000`;
  }
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
