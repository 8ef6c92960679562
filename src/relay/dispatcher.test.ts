import { expect, test } from 'vitest';
import { type Failure, failure, OdecetError } from '../core/failure.ts';
import { HOUR_MS } from '../core/time.ts';
import { hostCodec, hostSigner, newKeyPem } from '../host/signer.ts';
import type { HttpOutcome } from '../machine/http.ts';
import { pause } from '../machine/timers.ts';
import { gasMessage } from '../sandbox/sandbox.testkit.ts';
import { simClock } from '../sim/clock.ts';
import { simEntropy } from '../sim/entropy.ts';
import { simDisk } from '../sim/store.ts';
import { createWorld } from '../sim/world.ts';
import type { Delivery, Outgoing } from '../uplink/direct.ts';
import { packEnvelope } from '../uplink/relay/protocol.ts';
import { UNCLEAR_MAX } from '../uplink/unclear.ts';
import { quietLog, receiptOf } from '../uplink/uplink.testkit.ts';
import { createCaretaker } from './caretaker.ts';
import { createDispatcher } from './dispatcher.ts';
import type { RelayStore, SiteMessage } from './store.ts';
import { openLevelRelayStore } from './store-level.ts';

const START = Date.UTC(2026, 2, 30, 9);
const DAY_MS = 24 * HOUR_MS;
const RETRY = { firstMs: 500, factor: 2, mostMs: 10_000, jitter: 0 };
const codec = hostCodec();
const signer = hostSigner(newKeyPem());

function siteMessage(sender: string, n: number): SiteMessage {
  const message = gasMessage(String(n).padStart(14, '0'));
  const envelope = packEnvelope(message, 'site-a', signer, codec);
  const { id, day } = message;
  return { sender, id, site: 'site-a', version: 1, hash: String(n), day, receivedAt: START + n, envelope };
}

/** A relay's dispatcher on an imagined disk, for so long; `again` starts another one on the same disk afterwards. */
function relayOn(
  deliver: (message: Outgoing, sender: string) => Delivery,
  isMade = false,
  perSecondMax = 1_000,
  answerMs: (n: number) => number = () => 20,
  over: (store: RelayStore) => RelayStore = (store) => store,
) {
  const world = createWorld(1);
  const disk = simDisk(world, { random: world.random, latencyMs: 5 });
  const tries: string[] = [];
  const leftAt: number[] = [];
  const receipts: string[] = [];
  const alerts = new Map<string, Failure | undefined>();
  let isFirst = !isMade;

  async function run(ms: number, messages: readonly SiteMessage[] = []): Promise<RelayStore> {
    const clock = simClock(world, START + world.monotonicMs());
    const store = await openLevelRelayStore(await disk.open(isFirst), clock);
    isFirst = false;
    await store.keep(messages);
    const stop = new AbortController();
    const dispatcher = createDispatcher({
      store: over(store),
      senders: new Set(['A', 'B']),
      async deliver(message, sender, _signal, turn) {
        let delivery: Delivery | undefined;
        const left = await turn(async () => {
          leftAt.push(world.monotonicMs());
          await pause(world, answerMs(leftAt.length));
          tries.push(`${sender} ${Number(message.id)}`);
          delivery = deliver(message, sender);
          return outcomeOf(delivery);
        });
        return delivery ?? { outcome: 'not-sent', detail: '', ...left };
      },
      answer: ({ id }, { stage }) => receipts.push(`${Number(id)} ${stage}`),
      alert: ({ id }, problem) => void alerts.set(id, problem),
      inFlightMax: 4,
      perSecondMax,
      leaseMs: 60_000,
      retry: RETRY,
      clock,
      entropy: simEntropy(world.random),
      log: quietLog,
    });
    const running = dispatcher.run(stop.signal);
    await pause(world, ms);
    stop.abort();
    await running;
    return store;
  }
  return { world, run, disk, tries, leftAt, receipts, alerts };
}

/** What the wire saw of it. */
function outcomeOf({ outcome, failure: problem = failure('unexpected', '') }: Delivery): HttpOutcome {
  if (outcome === 'not-sent' || outcome === 'no-answer') return { kind: outcome, failure: problem };
  return { kind: 'answer', status: 200, headers: {}, body: new Uint8Array(0) };
}

function answered(verdict: 'accepted' | 'unknown', message: Outgoing): Delivery {
  const problem = failure('operator-answer-unknown', 'what?');
  const receipt = receiptOf(verdict, message);
  return { outcome: 'answered', detail: verdict, receipt, ...(verdict === 'unknown' && { failure: problem }) };
}

test('what gets answers that nobody understands is not sent for ever, is kept, and goes again when a relay starts', async () => {
  const { world, run, tries, alerts } = relayOn((message) => answered('unknown', message));
  await world.run(async () => {
    const message = siteMessage('A', 1);
    const store = await run(2 * HOUR_MS, [message]);
    expect(tries).toHaveLength(UNCLEAR_MAX);
    expect(alerts.get(message.id)?.code).toBe('operator-answer-stays-unknown');
    expect(await store.standing(message)).toMatchObject({ stage: 'unknown', attempts: UNCLEAR_MAX });
    await store.close();
    await (await run(1_000)).close();
    expect(tries).toHaveLength(UNCLEAR_MAX + 1);
  });
});

test('a sender who cannot reach the operator holds up nobody else', async () => {
  const { world, run, tries } = relayOn((message, sender) =>
    sender === 'A'
      ? { outcome: 'not-sent', detail: '', failure: failure('operator-unreachable', 'certificate') }
      : answered('accepted', message),
  );
  await world.run(async () => {
    const store = await run(
      5_000,
      [1, 2, 3, 4, 5, 6, 7, 8].flatMap((n) => ['A', 'B'].map((sender) => siteMessage(sender, n))),
    );
    expect(tries.filter((text) => text.startsWith('B'))).toHaveLength(8);
    // Four at once found out; then one goes first.
    expect(tries.filter((text) => text.startsWith('A')).length).toBeLessThan(4 + 5);
    expect(await store.counts()).toMatchObject({ accepted: 8 });
    await store.close();
  });
});

test('no more leave in a second than may, also when a slow operator answers many at once', async () => {
  const perSecondMax = 5;
  const { world, run, leftAt } = relayOn(
    (message) => answered('accepted', message),
    false,
    perSecondMax,
    (n) => (n <= 4 ? 3_000 : 20),
  );
  await world.run(async () => {
    const all = Array.from({ length: 30 }, (_, n) => siteMessage('A', n + 1));
    await (await run(20_000, all)).close();
    expect(leftAt).toHaveLength(all.length);
    for (const [n, at] of leftAt.slice(perSecondMax).entries()) expect(at - leftAt[n]!).toBeGreaterThanOrEqual(1_000);
  });
});

test('the receipt `sent` is said of what left, never of what did not', async () => {
  const outcomes: Delivery['outcome'][] = ['not-sent', 'not-sent', 'no-answer', 'not-sent'];
  const { world, run, receipts } = relayOn((message) => {
    const outcome = outcomes.shift();
    if (!outcome) return answered('accepted', message);
    return { outcome, detail: '', failure: failure('operator-unreachable', 'ECONNREFUSED') };
  });
  await world.run(async () => {
    const message = siteMessage('A', 1);
    const store = await run(1_200, [message]);
    expect(receipts).toEqual([]);
    expect(await store.standing(message)).toMatchObject({ stage: 'stored' });
    await store.close();
    await (await run(HOUR_MS)).close();
    expect(receipts).toEqual(['1 sent', '1 accepted']);
  });
});

test('one damaged record is told and holds up nobody; its site sends it again', async () => {
  const { world, run, disk, tries, alerts } = relayOn((message) => answered('accepted', message), true);
  const all = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => siteMessage('A', n));
  const [first] = all;
  await world.run(async () => {
    const raw = await disk.open(true);
    const before = await openLevelRelayStore(raw, world);
    await before.keep(all);
    await raw.batch([{ kind: 'put', key: `m/A/${first!.id}`, value: new TextEncoder().encode('garbage') }]);
    await before.close();
    const store = await run(5_000, [siteMessage('A', 9)]);
    expect([...tries].sort()).toEqual([2, 3, 4, 5, 6, 7, 8, 9].map((n) => `A ${n}`));
    expect(alerts.get(first!.id)).toMatchObject({ code: 'store-damaged' });
    const kept = await store.keep([siteMessage('A', 1), siteMessage('A', 10)]);
    expect(kept.map(({ kind }) => kind)).toEqual(['known', 'new']);
    await store.close();
    await (await run(5_000)).close();
    expect([...tries].sort().slice(0, 2)).toEqual(['A 1', 'A 10']);
    expect(tries).toHaveLength(10);
    expect(alerts.get(first!.id)).toBeUndefined();
  });
});

test('the store gives up envelopes at their time, says when it is too large, and forgets no id too early', async () => {
  const world = createWorld(1);
  const disk = simDisk(world, { random: world.random, latencyMs: 1 });
  await world.run(async () => {
    const store = await openLevelRelayStore(await disk.open(true), world);
    const [done, open] = [siteMessage('A', 1), siteMessage('A', 2)];
    await store.keep([done, open]);
    await store.claim('A', 2, 1_000);
    const { sender, id } = done;
    await store.settle([{ sender, id, stage: 'accepted', reasons: [], answer: '<a/>', at: START, dueInMs: 0 }]);
    const raised: string[] = [];
    const stop = new AbortController();
    let sizeBytes = 5e6;
    const running = createCaretaker({
      store: { ...store, size: async () => sizeBytes },
      retention: { acceptedDays: 90, rejectedDays: 400, sizeMaxMb: 4 },
      alerts: {
        raise: (name, { code }) => raised.push(`${name} ${code}`),
        clear: (name) => name === 'store-large' && raised.push(`${name} over`),
      },
      clock: simClock(world, START),
      log: quietLog,
    }).run(stop.signal);
    await pause(world, 89 * DAY_MS);
    expect(await store.standing(done)).toMatchObject({ answer: '<a/>' });
    expect(raised.at(-1)).toBe('store-large store-large');
    sizeBytes = 1e6;
    await pause(world, 3 * DAY_MS);
    expect(raised.at(-1)).toBe('store-large over');
    expect(await store.standing(done)).toMatchObject({ stage: 'accepted' });
    expect(await store.standing(done)).not.toHaveProperty('answer');
    await pause(world, 708 * DAY_MS);
    expect(await store.keep([done])).toMatchObject([{ kind: 'known', standing: { stage: 'accepted' } }]);
    await pause(world, 3 * DAY_MS);
    expect(await store.standing(done)).toBeUndefined();
    expect(await store.standing(open)).toMatchObject({ stage: 'stored' });
    stop.abort();
    await running;
    await store.close();
  });
}, 60_000);

test('an answer that the store does not take costs the others that are kept with it nothing', async () => {
  const { world, run, receipts } = relayOn(
    (message) => answered('accepted', message),
    false,
    1_000,
    () => 20,
    (store) => ({
      ...store,
      async settle(results) {
        if (results.some(({ id }) => Number(id) === 2)) throw new OdecetError('unexpected', 'invalid byte sequence');
        // Long enough for the others to wait together.
        await pause(world, 200);
        await store.settle(results);
      },
    }),
  );
  await world.run(async () => {
    const store = await run(
      5_000,
      [1, 2, 3, 4].map((n) => siteMessage('A', n)),
    );
    expect(receipts.filter((receipt) => receipt.endsWith('accepted')).sort()).toEqual(
      [1, 3, 4].map((n) => `${n} accepted`),
    );
    await store.close();
  });
});

test('a clock that is years ahead when a relay starts makes the store forget nothing, and somebody is told', async () => {
  const { world, disk } = relayOn(() => answered('accepted', {} as never));
  await world.run(async () => {
    const store = await openLevelRelayStore(await disk.open(true), world);
    const done = siteMessage('A', 1);
    await store.keep([done]);
    await store.claim('A', 1, 1_000);
    await store.settle([{ ...done, stage: 'accepted', reasons: [], answer: '<a/>', at: START, dueInMs: 0 }]);
    await store.ageTo(START);
    const raised: string[] = [];
    const stop = new AbortController();
    const running = createCaretaker({
      store,
      retention: { acceptedDays: 90, rejectedDays: 400, sizeMaxMb: 4 },
      alerts: { raise: (_, { code }) => void raised.push(code), clear: () => undefined },
      clock: simClock(world, START + 3 * 365 * DAY_MS),
      log: quietLog,
    }).run(stop.signal);
    await pause(world, 5 * DAY_MS);
    expect(await store.standing(done)).toMatchObject({ stage: 'accepted', answer: '<a/>' });
    expect(raised).toContain('relay-clock');
    stop.abort();
    await running;
    await store.close();
  });
});
