import { OdecetError } from '../core/failure.ts';
import type { Interval } from '../core/interval.ts';
import type { Attempt, AttemptOutcome, Message, MessageId, Receipt, Verdict } from '../core/message.ts';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Store, StoreRange } from '../machine/store.ts';
import type { Buffer } from './api.ts';
import type { QueuedMessage } from './outbox.ts';

export const POINT = '27ZG100Z0000001A';
export const GAS_DAY = '2026-03-28';
export const DAY_START: UtcMs = Date.UTC(2026, 2, 28, 5);

/** Rows in memory, open to a test that wants to damage them; fails when told to. */
export interface MemoryStore extends Store {
  readonly rows: Map<string, Uint8Array>;
  /** How many batches were written. */
  batches: number;
  /** This many more batches are written; those after fail. */
  batchesLeft: number;
  /** The first batch that fails is on the disk all the same. */
  keepsFailing: boolean;
}

export function memoryStore(rows = new Map<string, Uint8Array>()): MemoryStore {
  const range = ({ gte, lt, reverse = false, limit = Number.POSITIVE_INFINITY }: StoreRange) => {
    const found = [...rows].filter(([key]) => key >= gte && key < lt).sort(([a], [b]) => (a < b ? -1 : 1));
    return (reverse ? found.reverse() : found).slice(0, limit);
  };
  return {
    rows,
    batches: 0,
    batchesLeft: Number.POSITIVE_INFINITY,
    keepsFailing: false,
    get: async (key) => rows.get(key),
    getMany: async (keys) => keys.map((key) => rows.get(key)),
    range: async (asked) => range(asked),
    async batch(ops) {
      const fails = this.batchesLeft <= 0;
      if (!fails || this.keepsFailing)
        for (const op of ops)
          if (op.kind === 'put') rows.set(op.key, op.value);
          else rows.delete(op.key);
      if (fails) {
        this.keepsFailing = false;
        throw new OdecetError('store-io', 'this batch was to fail');
      }
      this.batches++;
      this.batchesLeft--;
    },
    size: async () => [...rows].reduce((sum, [key, value]) => sum + key.length + value.length, 0),
    close: async () => undefined,
  };
}

/** A wall clock that stands until it is set. */
export function standingClock(at: UtcMs = DAY_START): { at: UtcMs; now(): UtcMs } {
  return {
    at,
    now() {
      return this.at;
    },
  };
}

export function aReading(changes: Partial<Reading> = {}): Reading {
  const at = changes.at ?? DAY_START;
  return {
    device: 'boiler-house',
    quantity: 'volume.base',
    kind: 'counter',
    value: { coefficient: 12_345_678n, exponent: -3 },
    unit: 'm3',
    at,
    source: 'stored',
    uncertaintyMs: 0,
    readAt: at + 1_234,
    flags: [],
    raw: '0C1378563412',
    ...changes,
  };
}

export function anInterval(changes: Partial<Interval> = {}): Interval {
  const start = changes.start ?? DAY_START;
  const boundary = (at: UtcMs, index: bigint) => ({
    at,
    index: { coefficient: index, exponent: -3 },
    source: 'stored' as const,
    readings: [at],
  });
  return {
    point: POINT,
    channel: 'volume',
    start,
    end: start + HOUR_MS,
    value: { coefficient: 17_250n, exponent: -3 },
    unit: 'm3',
    quality: 'measured',
    findings: [],
    version: 1,
    madeAt: start + HOUR_MS + 5_000,
    origins: [
      {
        device: 'boiler-house',
        quantity: 'volume.base',
        from: boundary(start, 12_345_678n),
        to: boundary(start + HOUR_MS, 12_362_928n),
      },
    ],
    ...changes,
  };
}

export function aMessage(id: MessageId, carried: readonly Interval[], changes: Partial<Message> = {}): Message {
  return {
    id,
    commodity: 'gas',
    day: GAS_DAY,
    pack: 'gasdat@1',
    madeAt: DAY_START,
    xml: `<message id="${id}"/>`,
    carried: carried.map(({ point, channel, start, version }) => ({ point, channel, start, version })),
    ...changes,
  };
}

export function anAttempt(message: MessageId, number: number, outcome: AttemptOutcome): Attempt {
  return { message, number, startedAt: DAY_START + number, endedAt: DAY_START + number + 500, outcome, detail: '' };
}

export function aReceipt(message: MessageId, verdict: Verdict): Receipt {
  return { message, verdict, reasons: [], receivedAt: DAY_START + 400, xml: `<answer>${verdict}</answer>` };
}

/** All that wait, with their documents; one that cannot be read is left out. */
export async function queuedIn({ outbox }: Pick<Buffer, 'outbox'>): Promise<QueuedMessage[]> {
  const queued: QueuedMessage[] = [];
  for (const head of await outbox.heads()) {
    const message = await outbox.read(head.message.id);
    if (message) queued.push({ ...head, message });
  }
  return queued;
}

/** An append-only file in memory, open to a test that wants to damage it. */
export function memoryLog(): AppendLog & { kept: string[] } {
  const log = {
    kept: [] as string[],
    async *lines() {
      yield* log.kept;
    },
    append: async (text: string) => void log.kept.push(...text.split('\n')),
    async rewrite(lines: AsyncIterable<string>) {
      const from = log.kept.length;
      const fresh: string[] = [];
      for await (const line of lines) fresh.push(line);
      log.kept = [...fresh, ...log.kept.slice(from)];
    },
    size: async () => log.kept.join('\n').length,
    close: async () => undefined,
  };
  return log;
}
