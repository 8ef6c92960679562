import type { Outbox, QueuedMessage } from '../../../src/buffer/outbox.ts';
import type { Message, MessageId } from '../../../src/core/message.ts';
import type { MonotonicMs } from '../../../src/core/time.ts';
import { mqttBroker } from '../../../src/host/broker-mqtt.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostEntropy } from '../../../src/host/entropy.ts';
import { hostCodec } from '../../../src/host/signer.ts';
import type { Log } from '../../../src/machine/log.ts';
import { createRelayWay } from '../../../src/uplink/relay/way.ts';
import { type Place, siteName } from './place.ts';

/** The gateway's own way over MQTT, each with a connection of its own, over an outbox in memory. */
export interface BenchSite {
  add(message: Message): void;
  waiting(): number;
  /** When the last receipt of each message came. */
  readonly endedAt: ReadonlyMap<MessageId, MonotonicMs>;
  isOnline(): boolean;
  stop(): Promise<void>;
}

const clock = hostClock();
const entropy = hostEntropy();
const codec = hostCodec();
const RETRY = { firstMs: 1_000, factor: 2, mostMs: 10_000, jitter: 0.3 };

export function startBenchSite(place: Place, n: number): BenchSite {
  const queue = new Map<MessageId, QueuedMessage>();
  const endedAt = new Map<MessageId, MonotonicMs>();
  const outbox: Outbox = {
    heads: async () => [...queue.values()],
    read: async (id) => queue.get(id)?.message,
    async beginAttempt(id) {
      const attempts = (queue.get(id)?.attempts ?? 0) + 1;
      queue.set(id, { ...queue.get(id)!, state: 'sent', attempts });
      return attempts;
    },
    async endAttempt({ message }, receipt) {
      if (!receipt || receipt.verdict === 'unknown') return;
      queue.delete(message);
      endedAt.set(message, clock.monotonicMs());
    },
  };
  let isOnline = false;
  const log: Log = {
    debug: () => undefined,
    info(event) {
      if (event === 'broker-connected') isOnline = true;
    },
    warn(event) {
      if (event === 'broker-away') isOnline = false;
    },
    error: () => undefined,
    child: () => log,
  };
  const stop = new AbortController();
  const way = createRelayWay({
    site: siteName(n),
    outbox,
    broker: mqttBroker({ url: place.mosquitto.url, protocolVersion: 5 }),
    signer: place.signers[n]!,
    codec,
    relayKeys: [place.relayKey],
    receiptWithinMs: 30_000,
    statusEveryMs: 3_600_000,
    status: async () => ({ at: new Date().toISOString() }),
    retry: RETRY,
    alert: () => undefined,
    clock,
    entropy,
    log,
  });
  const running = way.run(stop.signal);
  return {
    add(message) {
      queue.set(message.id, { message, state: 'prepared', attempts: 0 });
      way.wake();
    },
    waiting: () => queue.size,
    endedAt,
    isOnline: () => isOnline,
    async stop() {
      stop.abort();
      await running;
    },
  };
}

/** Looks again and again until it holds; throws when it does not within the time. */
export async function until(holds: () => boolean, withinMs: number, what: string): Promise<void> {
  const last = clock.monotonicMs() + withinMs;
  while (!holds()) {
    if (clock.monotonicMs() > last) throw new Error(`not within ${withinMs} ms: ${what}`);
    await clock.sleep(20);
  }
}
