import { type Outbox, type QueuedMessage, WaitsNoLonger } from '../buffer/outbox.ts';
import type { Attempt, Message, MessageId, Receipt, Verdict } from '../core/message.ts';
import { hostSealCrypto } from '../host/seal-crypto.ts';
import { hostCodec } from '../host/signer.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import type { Seal } from '../machine/sealer.ts';
import type { Codec } from '../machine/signer.ts';
import { issue, makeAuthority } from '../sandbox/certificates.ts';
import type { SealMachine } from './ws-security.ts';

export const NOW = Date.UTC(2026, 2, 29, 5, 10);

export async function makeSeal(commonName: string): Promise<Seal> {
  return issue(await makeAuthority(`${commonName} authority`), { commonName, usage: 'seal' });
}

export function countingEntropy(): Entropy {
  let next = 0;
  return { fraction: () => 0, bytes: (count) => Uint8Array.from({ length: count }, () => (next = (next + 1) % 256)) };
}

export function sealMachine(): SealMachine & { readonly codec: Codec } {
  return { entropy: countingEntropy(), crypto: hostSealCrypto(), codec: hostCodec() };
}

/** Sleeping takes no time; both clocks move by what was slept. */
export function jumpingClock(): Clock & { slept: number[] } {
  let elapsed = 0;
  const slept: number[] = [];
  const clock = {
    slept,
    now: () => NOW + elapsed,
    monotonicMs: () => elapsed,
    async sleep(ms: number, signal?: AbortSignal): Promise<void> {
      signal?.throwIfAborted();
      slept.push(ms);
      elapsed += ms;
    },
    after: () => () => undefined,
    whenWall: () => () => undefined,
    sleepUntil: async (at: number): Promise<void> => clock.sleep(Math.max(0, at - clock.now())),
  };
  return clock;
}

export const quietLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => quietLog,
};

export function message(id: MessageId): Message {
  return {
    id,
    commodity: 'gas',
    day: '2026-03-28',
    pack: 'test@1',
    madeAt: NOW,
    xml: `<?xml version="1.0" encoding="UTF-8"?>\n<DATA xmlns="urn:test" id="${id}"><Row  v='1'/></DATA>\n`,
    carried: [],
  };
}

export function receiptOf(verdict: Verdict, { id }: Pick<Message, 'id'>): Receipt {
  return { message: id, verdict, reasons: [{ code: '1', type: 'A', text: verdict }], receivedAt: NOW, xml: '<r/>' };
}

interface MemoryOutbox extends Outbox {
  readonly ended: Attempt[];
  add(message: Message): void;
  /** Somebody else has closed it: it can be read and waits no longer. */
  close(id: MessageId): void;
}

/** An outbox in memory that keeps the contract: what is accepted or rejected no longer waits. */
export function memoryOutbox(messages: readonly Message[]): MemoryOutbox {
  const closed = new Map<MessageId, Message>();
  const queue = new Map<MessageId, QueuedMessage>();
  const ended: Attempt[] = [];
  const add = (message: Message): void => void queue.set(message.id, { message, state: 'prepared', attempts: 0 });
  const close = (id: MessageId): void => {
    const queued = queue.get(id);
    if (queued) closed.set(id, queued.message);
    queue.delete(id);
  };
  for (const message of messages) add(message);
  return {
    ended,
    add,
    heads: async () => [...queue.values()],
    close,
    read: async (id) => queue.get(id)?.message ?? closed.get(id),
    async beginAttempt(id) {
      if (closed.has(id)) throw new WaitsNoLonger(id, 'accepted');
      const queued = queue.get(id)!;
      queue.set(id, { ...queued, state: 'sent', attempts: queued.attempts + 1 });
      return queued.attempts + 1;
    },
    async endAttempt(attempt, receipt) {
      ended.push(attempt);
      if (receipt && receipt.verdict !== 'unknown') close(attempt.message);
    },
  };
}
