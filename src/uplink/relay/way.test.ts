import { expect, test } from 'vitest';
import { OdecetError } from '../../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../../core/time.ts';
import { hostCodec, hostSigner, newKeyPem } from '../../host/signer.ts';
import type { Broker, Publication } from '../../machine/broker.ts';
import { pause } from '../../machine/timers.ts';
import { simBroker } from '../../sim/broker.ts';
import { simClock } from '../../sim/clock.ts';
import { simEntropy } from '../../sim/entropy.ts';
import { createWorld } from '../../sim/world.ts';
import { memoryOutbox, message, quietLog, receiptOf } from '../uplink.testkit.ts';
import type { CommandTaker } from './command-taker.ts';
import { openEnvelope, packReceipt, type Stage } from './protocol.ts';
import { siteStatusSchema } from './status.ts';
import { createRelayWay, type RelayWayDeps } from './way.ts';

const codec = hostCodec();
const [siteSigner, relaySigner] = [hostSigner(newKeyPem()), hostSigner(newKeyPem())];
const START = Date.UTC(2026, 5, 1, 8);
const ALERTS = 'odecet/1/site-a/alert/';
const relayOf = siteStatusSchema.shape.relay;

/** A site in lives one after another, a relay that says of every envelope what `stage` says, and staff who look. */
function play() {
  const world = createWorld(1);
  const broker = simBroker(world, { random: world.random });
  const outbox = memoryOutbox([]);
  const seen = new Map<string, string>();
  const centre = { stage: undefined as Stage | undefined };
  async function connectOthers(): Promise<void> {
    const session = await broker.connect({
      clientId: 'relay',
      clean: true,
      subscriptions: ['odecet/1/+/up'],
      async onMessage({ payload }) {
        const { id, site, hash } = openEnvelope(payload)!.head;
        if (!centre.stage) return;
        const text = { relay: 'centre-1', site, id, hash, stage: centre.stage, reasons: [], at: 0, answer: '<r/>' };
        await session.publish({ topic: `odecet/1/${site}/down`, payload: packReceipt(text, relaySigner, codec) });
      },
    });
    await broker.connect({
      clientId: 'staff',
      clean: true,
      subscriptions: ['odecet/1/+/alert/+', 'odecet/1/+/status'],
      async onMessage({ topic, payload }) {
        if (payload.length === 0) seen.delete(topic);
        else seen.set(topic, new TextDecoder().decode(payload));
      },
    });
  }
  async function live(ms: number, taker?: CommandTaker, more: Partial<RelayWayDeps> = {}): Promise<void> {
    const stop = new AbortController();
    const way = createRelayWay({
      site: 'site-a',
      outbox,
      broker,
      signer: siteSigner,
      codec,
      relayKeys: [relaySigner.publicKey],
      receiptWithinMs: 5_000,
      statusEveryMs: MINUTE_MS,
      status: async ({ relay }) => ({ relay }),
      ...(taker && { taker }),
      ...more,
      retry: { firstMs: 1_000, factor: 2, mostMs: MINUTE_MS, jitter: 0 },
      alert: () => undefined,
      clock: simClock(world, START),
      entropy: simEntropy(world.random),
      log: quietLog,
    });
    const running = way.run(stop.signal);
    await pause(world, ms);
    stop.abort();
    await running;
  }
  const alerts = () =>
    [...seen.keys()]
      .filter((topic) => topic.startsWith(ALERTS))
      .map((topic) => topic.slice(ALERTS.length))
      .sort();
  const relayStatus = () => relayOf.parse(JSON.parse(seen.get('odecet/1/site-a/status') ?? '{}').relay);
  return { world, broker, outbox, centre, connectOthers, live, alerts, relayStatus };
}

const ID = '00000000000001';

/** With an interval in it, as every real one. */
const carrying = (id: string) => ({
  ...message(id),
  carried: [{ point: 'A', channel: 'energy' as const, start: START, version: 1 }],
});

/** The same when a first message was told this of, a minute long. */
async function afterFirst(stage: Stage, goesOn: (played: ReturnType<typeof play>) => Promise<void>): Promise<void> {
  const played = play();
  const { world, outbox, centre, connectOthers, live } = played;
  await world.run(async () => {
    await connectOthers();
    outbox.add(carrying(ID));
    centre.stage = stage;
    await live(MINUTE_MS);
    await goesOn(played);
  });
}

test('what a site alerted before a restart is taken back when its cause went meanwhile', async () => {
  await afterFirst('refused', async ({ outbox, centre, live, alerts }) => {
    expect(alerts()).toEqual([`message-${ID}`]);
    centre.stage = 'accepted';
    await live(MINUTE_MS);
    expect(await outbox.heads()).toEqual([]);
    expect(alerts()).toEqual([]);
  });
});

test('what was settled in other ways while the site was off is taken back two hours after its start', async () => {
  await afterFirst('refused', async ({ outbox, live, alerts }) => {
    const { message: id, number } = outbox.ended[0]!;
    await outbox.endAttempt(
      { ...outbox.ended[0]!, number: number + 1, outcome: 'answered', detail: '' },
      receiptOf('accepted', message(id)),
    );
    await live(HOUR_MS);
    expect(alerts()).toEqual([`message-${id}`]);
    await live(2 * HOUR_MS + 3 * MINUTE_MS);
    expect(alerts()).toEqual([]);
  });
});

test('a rejection stands over a restart until the next message of its day is accepted', async () => {
  await afterFirst('rejected', async ({ outbox, centre, live, alerts }) => {
    await live(3 * HOUR_MS);
    expect(alerts()).toEqual([`message-${ID}`]);
    centre.stage = 'accepted';
    outbox.add({ ...carrying('00000000000002'), day: '2026-03-27' });
    await live(MINUTE_MS);
    expect(alerts()).toEqual([`message-${ID}`]);
    outbox.add(carrying('00000000000003'));
    await live(MINUTE_MS);
    expect(alerts()).toEqual([]);
  });
});

test('a relay that is not heard is an alert and stands in the status', async () => {
  const { world, outbox, centre, connectOthers, live, alerts, relayStatus } = play();
  await world.run(async () => {
    await connectOthers();
    outbox.add(message(ID));
    await live(10 * MINUTE_MS);
    expect(alerts()).toEqual(['relay-silent']);
    expect(relayStatus()?.unanswered).toBeGreaterThanOrEqual(6);
    centre.stage = 'stored';
    await live(3 * MINUTE_MS);
    expect(alerts()).toEqual([]);
    expect(relayStatus()).toMatchObject({ unanswered: 0, lastReceiptAt: expect.stringContaining('2026-06-01') });
  });
});

test('a command is told how far the clocks can be apart only when the relay’s was seen', async () => {
  const { world, outbox, centre, connectOthers, live } = play();
  await world.run(async () => {
    await connectOthers();
    const offs: (number | undefined)[] = [];
    const taker: CommandTaker = {
      received: () => undefined,
      online: () => undefined,
      async run(line) {
        for (let n = 0; n < 2; n++) {
          await pause(world, MINUTE_MS);
          offs.push(line.clockOffMsAtMost());
          centre.stage = 'stored';
          outbox.add(carrying('00000000000002'));
        }
      },
      conclude: async () => undefined,
    };
    await live(5 * MINUTE_MS, taker);
    // This relay believes that it is 1970.
    expect(offs).toEqual([undefined, expect.any(Number)]);
    expect(offs[1]! - START).toBeGreaterThan(0);
  });
});

test.each([
  ['are refused', () => Promise.reject(new OdecetError('broker-refused', 'packet too large')), undefined],
  ['are never acknowledged', () => new Promise<void>(() => undefined), undefined],
  ['cannot be made', undefined, () => Promise.reject(new OdecetError('store-damaged', 'a row'))],
])('messages leave where status and alerts %s', async (_, publish, status) => {
  const { world, outbox, centre, connectOthers, live, broker } = play();
  let sessions = 0;
  const picky: Broker = {
    async connect(hello, signal) {
      sessions += 1;
      const session = await broker.connect(hello, signal);
      const isForPeople = ({ topic }: Publication) => /\/(status|alert\/.*)$/.test(topic);
      return { ...session, publish: (said) => (publish && isForPeople(said) ? publish() : session.publish(said)) };
    },
  };
  await world.run(async () => {
    await connectOthers();
    centre.stage = 'rejected';
    outbox.add(carrying(ID));
    await live(MINUTE_MS / 2, undefined, { broker: picky, ...(status && { status }) });
    expect(await outbox.heads()).toEqual([]);
    expect(sessions).toBe(1);
  });
});
