import { mqttBroker } from '../../../src/host/broker-mqtt.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostCodec } from '../../../src/host/signer.ts';
import type { Delivered } from '../../../src/machine/broker.ts';
import { isSignedBy } from '../../../src/uplink/relay/frame.ts';
import { openReceipt, packEnvelope } from '../../../src/uplink/relay/protocol.ts';
import { filterOf, placeOf, RELAY_HERE, topicOf } from '../../../src/uplink/relay/topics.ts';
import { cost, type Figure, rate } from '../figure.ts';
import { messageOf } from './messages.ts';
import { type Load, openPlace, type Place, siteName } from './place.ts';

/**
 * Signed messages of many sites through Mosquitto, relay, WS-Security and the operator's stand-in over TLS, back to signed
 * receipts; and the same bytes through the same broker to a bare subscriber. The sites share one MQTT connection for
 * publishing: what is measured is the centre, not ten thousand clients.
 */
const clock = hostClock();
const codec = hostCodec();
/** So many publications wait for the broker's acknowledgement. */
const WINDOW = 200;
/** A message goes again when nothing more is accepted for so long; one that the relay has not at once when a relay says that it is here. */
const STILL_MS = 60_000;
const PATIENCE_MS = 3_600_000;
/** What is asked for: 10,000 messages in 60 s on 2 cores with at most 250 MB in the relay. */
const MS_EACH = 6;
const CPU_MS_EACH = 12;
const PEAK_MB = 250;

interface Passed {
  readonly ms: number;
  readonly bareMs: number;
  readonly resent: number;
  readonly peakMb: number;
  readonly cpuMs: { readonly relay: number; readonly operator: number; readonly sites: number };
}

/** @param sites one message each, of so many points */
export function loadFigures(sites: number, pointsEach: number, store: Load['store']): (() => Promise<Figure>)[] {
  const load = { sites, pointsEach, store, relays: 1 };
  const name = `${sites} sites, a message of ${pointsEach} points each, ${store}`;
  let passing: Promise<Passed> | undefined;
  const passed = () => {
    passing ??= pass(load);
    return passing;
  };
  const cpu = (who: string, ms: ({ cpuMs }: Passed) => number) => async () =>
    cost(`CPU for each message: ${who}`, ms(await passed()), 'ms', CPU_MS_EACH, 0);
  return [
    async () => cost(`${name}: all receipts`, (await passed()).ms / 1_000, 's', (sites * MS_EACH) / 1_000, 1),
    async () => cost('memory of the relay, most', (await passed()).peakMb, 'MB', PEAK_MB, 1),
    async () => {
      const { ms, bareMs } = await passed();
      return cost('the same to a bare subscriber: the relay takes', ms / bareMs, 'times', 1, 0);
    },
    cpu('relay', ({ cpuMs }) => cpuMs.relay),
    cpu("operator's stand-in", ({ cpuMs }) => cpuMs.operator),
    cpu('the sites’ end', ({ cpuMs }) => cpuMs.sites),
    async () => cost('messages that had to go again', (await passed()).resent, 'messages', sites / 100, 0),
  ];
}

/**
 * Two relays on PostgreSQL against one, each with one thread that seals: one alone cannot use both cores then. The processor
 * time tells what two can gain at most: they share the cores with the stand-in and the sites.
 */
export function twoRelays(sites: number, pointsEach: number): (() => Promise<Figure>)[] {
  const runs = new Map<number, Promise<Passed>>();
  const passed = (relays: number): Promise<Passed> => {
    const run = runs.get(relays) ?? pass({ sites, pointsEach, store: 'postgres', relays, sealThreads: 1 });
    runs.set(relays, run);
    return run;
  };
  const perSecond = async (relays: number) => (sites * 1_000) / (await passed(relays)).ms;
  const cpu = (relays: number) => async () => {
    const { relay, operator, sites: own } = (await passed(relays)).cpuMs;
    const name = `CPU for each message with ${relays} on PostgreSQL, database and broker not counted`;
    return cost(name, relay + operator + own, 'ms', CPU_MS_EACH, 0);
  };
  return [
    async () => {
      const one = await perSecond(1);
      const two = await perSecond(2);
      return rate(`two relays on PostgreSQL, ${sites} messages; the limit is one relay`, two, '/s', one, 1.3);
    },
    cpu(1),
    cpu(2),
  ];
}

async function pass(load: Load): Promise<Passed> {
  const place = await openPlace(load);
  try {
    const madeAt = Date.now();
    const envelopes = place.signers.map((signer, n) =>
      packEnvelope(messageOf(n, load.pointsEach, madeAt), siteName(n), signer, codec),
    );
    const bareMs = await bare(place, envelopes);
    const before = { place: place.cpuSeconds(), own: process.cpuUsage() };
    const { ms, resent } = await through(place, envelopes);
    const [after, own] = [place.cpuSeconds(), process.cpuUsage(before.own)];
    const each = (seconds: number) => (seconds * 1_000) / load.sites;
    return {
      ms,
      bareMs,
      resent,
      peakMb: place.relayPeakMb(),
      cpuMs: {
        relay: each(after.relays - before.place.relays),
        operator: each(after.operator - before.place.operator),
        sites: each((own.user + own.system) / 1e6),
      },
    };
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

async function through(place: Place, envelopes: readonly Uint8Array[]): Promise<{ ms: number; resent: number }> {
  const open = new Set(envelopes.keys());
  /** The relay has no receipt out for these. */
  const untaken = new Set(envelopes.keys());
  let resent = 0;
  let isAsked = false;
  let progressAt = clock.monotonicMs();
  const hear = async ({ topic, payload }: Delivered): Promise<void> => {
    progressAt = clock.monotonicMs();
    if (topic === RELAY_HERE) isAsked = true;
    const receipt = openReceipt(payload);
    const n = Number(placeOf(topic)?.site.slice('site-'.length));
    if (!receipt || !isSignedBy(receipt.frame, [place.relayKey], codec)) return;
    untaken.delete(n);
    if (receipt.head.stage === 'accepted') open.delete(n);
  };
  const session = await broker(place).connect({
    clientId: 'sites',
    clean: true,
    subscriptions: [filterOf('down'), RELAY_HERE],
    onMessage: hear,
  });
  const from = clock.monotonicMs();
  const say = (n: number) => session.publish({ topic: topicOf(siteName(n), 'up'), payload: envelopes[n]! });
  await inWindow(envelopes, (_, n) => say(n));
  while (open.size > 0) {
    if (clock.monotonicMs() - from > PATIENCE_MS) throw new Error(`${open.size} messages are not accepted`);
    await clock.sleep(20);
    const isStill = clock.monotonicMs() - progressAt >= STILL_MS;
    if (!isStill && !isAsked) continue;
    const again = isStill ? [...open] : [...untaken];
    isAsked = false;
    progressAt = clock.monotonicMs();
    resent += again.length;
    await inWindow(again, (n) => say(n));
  }
  const ms = clock.monotonicMs() - from;
  await session.close();
  return { ms, resent };
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
