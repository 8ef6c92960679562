import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { hostClock } from '../../src/host/clock.ts';
import { hostCodec } from '../../src/host/signer.ts';
import type { Delivered } from '../../src/machine/broker.ts';
import { isSignedBy } from '../../src/uplink/relay/frame.ts';
import { openReceipt, packEnvelope } from '../../src/uplink/relay/protocol.ts';
import { filterOf, placeOf, topicOf } from '../../src/uplink/relay/topics.ts';
import { messageOf, POINTS_MAX } from './relay/messages.ts';
import { openPlace, type Place, siteName } from './relay/place.ts';

/**
 * Signed messages of many sites through Mosquitto, relay, WS-Security and the operator's stand-in over TLS, back to signed
 * receipts; and the same bytes through the same broker to a bare subscriber. The sites share one MQTT connection for
 * publishing: what is measured is the centre, not ten thousand clients.
 */
interface Options {
  readonly messages: string;
  readonly points: string;
  readonly relays: string;
  readonly store: 'level' | 'postgres';
  readonly json?: true;
}

const clock = hostClock();
const codec = hostCodec();
/** So many publications wait for the broker's acknowledgement. */
const WINDOW = 200;
/** A message without a final receipt goes again; the bench fails when that is not enough. */
const AGAIN_AFTER_MS = 30_000;
const PATIENCE_MS = 900_000;

async function main(): Promise<void> {
  const command = new Command()
    .option('--messages <count>', 'sites, one message each', '10000')
    .option('--points <count>', 'points in a message', String(Math.min(10, POINTS_MAX)))
    .option('--relays <count>', 'relays that share the load', '1')
    .option('--store <kind>', 'level or postgres', 'level')
    .option('--json', 'print JSON');
  const { messages, points, relays, store, json } = command.parse().opts<Options>();
  const load = { sites: Number(messages), pointsEach: Number(points), relays: Number(relays), store };
  const place = await openPlace(load);
  try {
    const madeAt = Date.now();
    const envelopes = place.signers.map((signer, n) =>
      packEnvelope(messageOf(n, load.pointsEach, madeAt), siteName(n), signer, codec),
    );
    const bareMs = await bare(place, envelopes);
    const { ms, resent, accepted } = await through(place, envelopes);
    const result = {
      ...load,
      seconds: round(ms / 1_000),
      perSecond: round((accepted * 1_000) / ms),
      accepted,
      resent,
      bareSeconds: round(bareMs / 1_000),
      ratioToBare: round(ms / bareMs),
      relayRssMb: place.relayPids().map((pid) => Math.round(peakKb(pid) / 1_024)),
    };
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);
    if (accepted !== load.sites) process.exitCode = 1;
  } finally {
    await place.stop();
  }
}

function broker({ mosquitto }: Place) {
  return mqttBroker({ url: mosquitto.url, protocolVersion: 5 });
}

async function bare(place: Place, envelopes: readonly Uint8Array[]): Promise<number> {
  let heard = 0;
  const session = await broker(place).connect({
    clientId: 'bare',
    clean: true,
    subscriptions: ['bare/+'],
    async onMessage() {
      heard += 1;
    },
  });
  const from = clock.monotonicMs();
  await inWindow(envelopes, (payload, n) => session.publish({ topic: `bare/${n}`, payload }));
  while (heard < envelopes.length) await clock.sleep(5);
  const ms = clock.monotonicMs() - from;
  await session.close();
  return ms;
}

async function through(place: Place, envelopes: readonly Uint8Array[]) {
  const open = new Set(envelopes.keys());
  let accepted = 0;
  let resent = 0;
  const hear = async ({ topic, payload }: Delivered): Promise<void> => {
    const receipt = openReceipt(payload);
    const n = Number(placeOf(topic)?.site.slice('site-'.length));
    if (receipt?.head.stage !== 'accepted' || !open.has(n)) return;
    if (!isSignedBy(receipt.frame, [place.relayKey], codec)) return;
    open.delete(n);
    accepted += 1;
  };
  const session = await broker(place).connect({
    clientId: 'sites',
    clean: true,
    subscriptions: [filterOf('down')],
    onMessage: hear,
  });
  const from = clock.monotonicMs();
  const say = (n: number) => session.publish({ topic: topicOf(siteName(n), 'up'), payload: envelopes[n]! });
  await inWindow(envelopes, (_, n) => say(n));
  for (let looked = from; open.size > 0 && clock.monotonicMs() - from < PATIENCE_MS; ) {
    await clock.sleep(20);
    if (clock.monotonicMs() - looked < AGAIN_AFTER_MS + envelopes.length * 10) continue;
    looked = clock.monotonicMs();
    resent += open.size;
    await inWindow([...open], (n) => say(n));
  }
  const ms = clock.monotonicMs() - from;
  await session.close();
  return { ms, resent, accepted };
}

async function inWindow<T>(items: readonly T[], work: (item: T, n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const n = next;
      next += 1;
      await work(items[n]!, n);
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, worker));
}

/** The most memory that the process ever had; 0 where the system does not tell. */
function peakKb(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

const round = (value: number) => Math.round(value * 100) / 100;

await main();
