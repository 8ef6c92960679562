import { expect, test } from 'vitest';
import { hostCodec, hostSigner, newKeyPem } from '../../host/signer.ts';
import type { LogFields } from '../../machine/log.ts';
import { pause } from '../../machine/timers.ts';
import { simClock } from '../../sim/clock.ts';
import { simEntropy } from '../../sim/entropy.ts';
import { createWorld } from '../../sim/world.ts';
import { memoryOutbox, message, quietLog } from '../uplink.testkit.ts';
import { headOf, packReceipt } from './protocol.ts';
import { createRelaySender } from './sender.ts';

const codec = hostCodec();
const [siteSigner, relaySigner] = [hostSigner(newKeyPem()), hostSigner(newKeyPem())];
const SITE = 'site-a';

test.each([
  ['the session was lost', true],
  ['the session held', false],
])('what the relay has is asked after within half a minute where %s', async (_, isLost) => {
  const world = createWorld(1);
  const one = message('00000000000001');
  let isOnline = true;
  let published = 0;
  const sender = createRelaySender({
    outbox: memoryOutbox([one]),
    site: SITE,
    signer: siteSigner,
    codec,
    relayKeys: [relaySigner.publicKey],
    publish: async () => {
      published += 1;
    },
    isOnline: () => isOnline,
    receiptWithinMs: 10_000,
    clock: simClock(world, 0),
    entropy: simEntropy(world.random),
    log: quietLog,
    retry: { firstMs: 1_000, factor: 2, mostMs: 10_000, jitter: 0 },
    alert: () => undefined,
    settled: () => undefined,
  });
  const stop = new AbortController();
  await world.run(async () => {
    const running = sender.run(stop.signal);
    await pause(world, 1_000);
    const { hash } = headOf(one, SITE, codec);
    const stored = { relay: 'centre-1', site: SITE, id: one.id, hash, stage: 'stored', reasons: [], at: 0 } as const;
    sender.received(packReceipt(stored, relaySigner, codec));
    await pause(world, 1_000);
    expect(published).toBe(1);
    isOnline = !isLost;
    sender.wake();
    await pause(world, 1_000);
    isOnline = true;
    sender.wake();
    await pause(world, 31_000);
    expect(published).toBe(isLost ? 2 : 1);
    stop.abort();
    await running;
  });
});

test('a last receipt that comes twice at once ends the message once, and nothing stumbles over the second', async () => {
  const world = createWorld(1);
  const one = message('00000000000001');
  const outbox = memoryOutbox([one]);
  const errors: [string, LogFields | undefined][] = [];
  const sender = createRelaySender({
    outbox,
    site: SITE,
    signer: siteSigner,
    codec,
    relayKeys: [relaySigner.publicKey],
    publish: async () => undefined,
    isOnline: () => true,
    receiptWithinMs: 10_000,
    clock: simClock(world, 0),
    entropy: simEntropy(world.random),
    log: { ...quietLog, error: (event, fields) => errors.push([event, fields]) },
    retry: { firstMs: 1_000, factor: 2, mostMs: 10_000, jitter: 0 },
    alert: () => undefined,
    settled: () => undefined,
  });
  const stop = new AbortController();
  await world.run(async () => {
    const running = sender.run(stop.signal);
    await pause(world, 1_000);
    const { hash } = headOf(one, SITE, codec);
    const head = { relay: 'centre-1', site: SITE, id: one.id, hash, stage: 'accepted', reasons: [], at: 0 } as const;
    const accepted = packReceipt({ ...head, answer: '<answer/>' }, relaySigner, codec);
    sender.received(accepted);
    sender.received(accepted);
    await pause(world, 5_000);
    stop.abort();
    await running;
  });
  expect(outbox.ended.map(({ outcome }) => outcome)).toEqual(['answered']);
  expect(errors).toEqual([]);
});
