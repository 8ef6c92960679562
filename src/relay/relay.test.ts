import { describe, expect, test } from 'vitest';
import { failure } from '../core/failure.ts';
import type { Message, MessageId } from '../core/message.ts';
import { hostCodec, hostSigner, newKeyPem } from '../host/signer.ts';
import { pause } from '../machine/timers.ts';
import { gasPack } from '../message/message.testkit.ts';
import { packId } from '../message/pack.ts';
import { gasMessage } from '../sandbox/sandbox.testkit.ts';
import { type SimBroker, simBroker } from '../sim/broker.ts';
import { simClock } from '../sim/clock.ts';
import { simEntropy } from '../sim/entropy.ts';
import { type SimDisk, simDisk } from '../sim/store.ts';
import { createWorld, type Life, type World } from '../sim/world.ts';
import type { Delivery, Outgoing } from '../uplink/direct.ts';
import { unpacked } from '../uplink/relay/frame.ts';
import { createRelayWay } from '../uplink/relay/way.ts';
import { memoryOutbox, quietLog, receiptOf } from '../uplink/uplink.testkit.ts';
import { plainReader, rememberingReader } from './reader.ts';
import { registryOf, type SiteLine } from './registry.ts';
import { createRelay } from './relay.ts';
import { openLevelRelayStore } from './store-level.ts';

/**
 * Sites, broker, relay and operator in virtual time from a seed: the broker doubles, overtakes, dies and forgets; the relay's
 * power goes while its disk writes; the operator is slow, deaf, and answers what nobody knows.
 */
const codec = hostCodec();
const relaySigner = hostSigner(newKeyPem());
const RETRY = { firstMs: 500, factor: 2, mostMs: 20_000, jitter: 0.5 };
/** After the messages of the test kit were made. */
const START = Date.UTC(2026, 2, 30, 9);
const SITES = 4;
const DAYS = ['2026-03-24', '2026-03-25', '2026-03-26'];
const SENDER = '27XG-CENTROPOL-P';

const signers = Array.from({ length: SITES }, () => hostSigner(newKeyPem()));
const messages: Message[][] = signers.map((_, n) => DAYS.map((day, d) => gasMessage(`0000000000${n}${d}00`, { day })));
const lines: SiteLine[] = signers.map(({ publicKey }, n) => ({
  site: `site-${n}`,
  key: publicKey,
  senders: [SENDER],
  revoked: false,
}));

function documentText({ xml }: Outgoing): string {
  return typeof xml === 'string' ? xml : (unpacked(xml, codec) ?? 'not what was signed');
}

/** The operator: takes each id once, whatever it answers. */
function operator(world: World) {
  const accepted = new Map<MessageId, string>();
  let contradictions = 0;
  const random = world.random.fork('operator');
  return {
    accepted,
    contradictions: () => contradictions,
    async deliver(message: Outgoing, life: Life): Promise<Delivery> {
      await pause(life, random.below(3_000));
      if (random.chance(0.1))
        return { outcome: 'not-sent', detail: '', failure: failure('operator-unreachable', 'down') };
      if (random.chance(0.1)) return { outcome: 'fault', detail: '', failure: failure('operator-fault', 'broken') };
      if (accepted.has(message.id) && accepted.get(message.id) !== documentText(message)) contradictions += 1;
      accepted.set(message.id, documentText(message));
      if (random.chance(0.15))
        return { outcome: 'no-answer', detail: '', failure: failure('operator-no-answer', 'lost') };
      const verdict = random.chance(0.1) ? 'unknown' : 'accepted';
      return { outcome: 'answered', detail: verdict, receipt: receiptOf(verdict, message) };
    },
  };
}

interface Place {
  readonly world: World;
  readonly broker: SimBroker;
  readonly disk: SimDisk;
  readonly office: ReturnType<typeof operator>;
}

/** One life of the relay, until its power goes. */
async function powerOn({ world, broker, disk, office }: Place, life: Life, isFirst: boolean): Promise<void> {
  const store = await openLevelRelayStore(await disk.open(isFirst), life);
  const relay = createRelay({
    name: 'centre-1',
    broker,
    store,
    registry: () => registryOf(lines),
    signer: relaySigner,
    codec,
    packs: new Map([[packId(gasPack), gasPack]]),
    zone: 'Europe/Prague',
    reader: rememberingReader(plainReader([gasPack], 'Europe/Prague', codec), codec),
    senders: new Set([SENDER]),
    deliver: (message) => office.deliver(message, life),
    inFlightMax: 3,
    perSecondMax: 50,
    leaseMs: 10_000,
    clockOffMsMax: 600_000,
    silentAfterMs: 900_000,
    retention: { acceptedDays: 90, rejectedDays: 400, sizeMaxMb: 1_000 },
    retry: RETRY,
    brokerRetry: RETRY,
    clock: simClock(life, START + world.monotonicMs()),
    entropy: simEntropy(world.random.fork('relay')),
    log: quietLog,
  });
  void relay.run(new AbortController().signal);
}

async function play(seed: number) {
  const world = createWorld(seed);
  const random = world.random.fork('weather');
  const broker = simBroker(world, { random: world.random.fork('broker'), latencyMsMax: 2_000, doubles: 0.3 });
  const disk = simDisk(world, { random: world.random.fork('disk'), latencyMs: 20 });
  const place = { world, broker, disk, office: operator(world) };
  const outboxes = messages.map((own) => memoryOutbox(own));
  const stop = new AbortController();
  await world.run(async () => {
    let life = world.newLife();
    await powerOn(place, life, true);
    const running = outboxes.map((outbox, n) => siteOf(world, broker, n, outbox).run(stop.signal));
    for (let hour = 0; hour < 400; hour++) {
      await pause(world, 5_000 + random.below(10_000));
      if (hour < 12) {
        if (random.chance(0.4)) {
          life.end();
          disk.powerCut();
          broker.cut('odecet-relay-centre-1');
          life = world.newLife();
          await powerOn(place, life, false);
        }
        if (random.chance(0.3)) {
          broker.kill(random.chance(0.5));
          await pause(world, random.below(20_000));
          broker.start();
        }
      }
      const waiting = await Promise.all(outboxes.map((outbox) => outbox.heads()));
      if (waiting.flat().length === 0) break;
    }
    stop.abort();
    await Promise.all(running);
    life.end();
  });
  return { office: place.office, outboxes };
}

function siteOf(world: World, broker: SimBroker, n: number, outbox: ReturnType<typeof memoryOutbox>) {
  return createRelayWay({
    site: `site-${n}`,
    outbox,
    broker,
    signer: signers[n]!,
    codec,
    relayKeys: [relaySigner.publicKey],
    receiptWithinMs: 5_000,
    statusEveryMs: 60_000,
    status: async () => ({}),
    retry: RETRY,
    alert: () => undefined,
    clock: simClock(world, START),
    entropy: simEntropy(world.random.fork(`site-${n}`)),
    log: quietLog,
  });
}

describe('whatever the weather, every message is with the operator once and every site is told', () => {
  test.each(Array.from({ length: 25 }, (_, seed) => seed))('seed %i', async (seed) => {
    const { office, outboxes } = await play(seed);
    const sent = messages.flat();
    expect([...office.accepted.keys()].sort()).toEqual(sent.map(({ id }) => id).sort());
    expect(office.contradictions()).toBe(0);
    for (const { id, xml } of sent) expect(office.accepted.get(id)).toBe(xml);
    for (const [n, outbox] of outboxes.entries()) {
      expect(await outbox.heads()).toEqual([]);
      const answered = outbox.ended.filter(({ outcome }) => outcome === 'answered');
      expect(answered.map(({ message }) => message).sort()).toEqual(messages[n]!.map(({ id }) => id).sort());
    }
  });
});
