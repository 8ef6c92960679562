import { expect, test } from 'vitest';
import { failure } from '../core/failure.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type Millis } from '../core/time.ts';
import { hostCodec, hostSigner, newKeyPem } from '../host/signer.ts';
import type { Broker } from '../machine/broker.ts';
import { pause } from '../machine/timers.ts';
import { simBroker } from '../sim/broker.ts';
import { simClock } from '../sim/clock.ts';
import { simEntropy } from '../sim/entropy.ts';
import { simDisk } from '../sim/store.ts';
import { createWorld, type World } from '../sim/world.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { plainReader } from './reader.ts';
import { registryOf, type SiteLine } from './registry.ts';
import { createRelay } from './relay.ts';
import { openLevelRelayStore } from './store-level.ts';

const START = Date.UTC(2026, 5, 1, 8);
const RETRY = { firstMs: 500, factor: 2, mostMs: 20_000, jitter: 0 };
const line = (site: string, revoked: boolean) => ({ site, key: 'k'.repeat(43), senders: ['x'], revoked });
const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

async function relayOf(world: World, broker: Broker, sites: readonly SiteLine[], silentAfterMs: Millis) {
  return createRelay({
    name: 'centre-1',
    broker,
    store: await openLevelRelayStore(await simDisk(world, { random: world.random, latencyMs: 1 }).open(true), world),
    registry: () => registryOf(sites),
    signer: hostSigner(newKeyPem()),
    codec: hostCodec(),
    packs: new Map(),
    zone: 'Europe/Prague',
    reader: plainReader([], 'Europe/Prague', hostCodec()),
    senders: new Set(),
    deliver: () => Promise.reject(new Error('nothing is sent here')),
    inFlightMax: 1,
    perSecondMax: 1,
    leaseMs: 10_000,
    clockOffMsMax: 600_000,
    silentAfterMs,
    retention: { acceptedDays: 90, rejectedDays: 400, sizeMaxMb: 1_000 },
    retry: RETRY,
    brokerRetry: RETRY,
    clock: simClock(world, START),
    entropy: simEntropy(world.random),
    log: quietLog,
  });
}

test('a relay takes back what it or another left before: of a site that speaks, of one that was revoked, of one nobody knows', async () => {
  const world = createWorld(1);
  const broker = simBroker(world, { random: world.random });
  const clock = simClock(world, START);
  const stop = new AbortController();
  await world.run(async () => {
    const alerts = new Set<string>();
    const others = await broker.connect({
      clientId: 'others',
      clean: true,
      subscriptions: ['odecet/1/+/alert/+'],
      async onMessage({ topic, payload }) {
        const name = topic.replace('odecet/1/', '');
        if (payload.length === 0) alerts.delete(name);
        else alerts.add(name);
      },
    });
    const left = ['relay/alert/site-a-silent', 'relay/alert/site-x-silent'];
    const own = ['centre-1/alert/store-large', 'centre-gone/alert/store-large'];
    for (const name of [...left, 'relay/alert/site-b-silent', ...own, 'site-a/alert/message-1']) {
      const alert = { id: 'x', ...failure('site-silent', 'nothing heard'), since: isoUtc(START) };
      await others.publish({ topic: `odecet/1/${name}`, payload: bytes(alert), retain: true });
    }
    const relay = await relayOf(world, broker, [line('site-a', false), line('site-b', true)], 12 * HOUR_MS);
    const running = relay.run(stop.signal);
    await pause(world, 2 * MINUTE_MS);
    expect(alerts).toEqual(
      new Set(['relay/alert/site-a-silent', 'relay/alert/site-x-silent', ...own, 'site-a/alert/message-1']),
    );
    await others.publish({ topic: 'odecet/1/site-a/status', payload: bytes({ at: isoUtc(clock.now()) }) });
    await pause(world, MINUTE_MS);
    expect(alerts).toEqual(new Set(['relay/alert/site-x-silent', ...own, 'site-a/alert/message-1']));
    await pause(world, 14 * HOUR_MS);
    // The other relay is gone, ours did not find its own again, and the site has said nothing since.
    expect(alerts).toEqual(new Set(['relay/alert/site-a-silent', 'site-a/alert/message-1']));
    stop.abort();
    await running;
  });
});

test('another client under the relay’s name is told, with what to do, until an hour passed without it', async () => {
  const world = createWorld(3);
  const broker = simBroker(world, { random: world.random });
  const stop = new AbortController();
  await world.run(async () => {
    const relay = await relayOf(world, broker, [], HOUR_MS);
    const running = relay.run(stop.signal);
    const own = async () => (await relay.status()).alerts.map(({ id, detail }) => [id, detail]);
    await pause(world, MINUTE_MS);
    broker.cut('odecet-relay-centre-1');
    await pause(world, 2 * MINUTE_MS);
    expect(await own()).toEqual([]);
    const onMessage = async () => undefined;
    await broker.connect({ clientId: 'odecet-relay-centre-1', clean: true, subscriptions: [], onMessage });
    await pause(world, 2 * MINUTE_MS);
    expect(await own()).toEqual([['name-taken', expect.stringContaining('change "relay:"')]]);
    await pause(world, HOUR_MS);
    expect(await own()).toEqual([]);
    stop.abort();
    await running;
  });
});

test('a relay with many alerts is soon back: it does not wait for the broker’s word on each, nor say all at once', async () => {
  const world = createWorld(4);
  const broker = simBroker(world, { random: world.random });
  let [underWay, most] = [0, 0];
  const slow: Broker = {
    async connect(hello, signal) {
      const session = await broker.connect(hello, signal);
      return {
        ...session,
        async publish(publication) {
          underWay += 1;
          most = Math.max(most, underWay);
          await pause(world, 100);
          underWay -= 1;
          return session.publish(publication);
        },
      };
    },
  };
  const stop = new AbortController();
  await world.run(async () => {
    const sites = Array.from({ length: 640 }, (_, n) => line(`site-${n}`, false));
    const relay = await relayOf(world, slow, sites, 15 * MINUTE_MS);
    const running = relay.run(stop.signal);
    await pause(world, 20 * MINUTE_MS);
    expect((await relay.status()).alerts).toHaveLength(640);
    most = 0;
    broker.cut('odecet-relay-centre-1');
    await pause(world, 4_000);
    expect((await relay.status()).isOnline).toBe(true);
    expect(most).toBe(64);
    stop.abort();
    await running;
  });
});

test('no site is silent because the broker was away', async () => {
  const world = createWorld(2);
  const broker = simBroker(world, { random: world.random });
  const stop = new AbortController();
  await world.run(async () => {
    const relay = await relayOf(world, broker, [line('site-a', false)], 15 * MINUTE_MS);
    const running = relay.run(stop.signal);
    const alerts = async () => (await relay.status()).alerts.map(({ id }) => id);
    await pause(world, 10 * MINUTE_MS);
    broker.kill(false);
    await pause(world, 5 * HOUR_MS);
    broker.start();
    await pause(world, 4 * MINUTE_MS);
    expect(await alerts()).toEqual([]);
    await pause(world, 3 * MINUTE_MS);
    expect(await alerts()).toEqual(['site-a-silent']);
    stop.abort();
    await running;
  });
});
