import { describe, expect, test } from 'vitest';
import { openBuffer } from '../../buffer/index.ts';
import { HOUR_MS, SECOND_MS } from '../../core/time.ts';
import { hostCodec, hostSigner, newKeyPem } from '../../host/signer.ts';
import { pause } from '../../machine/timers.ts';
import type { EndedCommand } from '../../relay/given-command.ts';
import { plainReader } from '../../relay/reader.ts';
import { registryOf } from '../../relay/registry.ts';
import { createRelay } from '../../relay/relay.ts';
import { openLevelRelayStore } from '../../relay/store-level.ts';
import { simFile } from '../../sim/append-log.ts';
import { simBroker } from '../../sim/broker.ts';
import { simClock } from '../../sim/clock.ts';
import { simEntropy } from '../../sim/entropy.ts';
import { simFolder } from '../../sim/folder.ts';
import { simDisk } from '../../sim/store.ts';
import { createWorld, type Life } from '../../sim/world.ts';
import { createCommandTaker } from '../../uplink/relay/command-taker.ts';
import { createRelayWay } from '../../uplink/relay/way.ts';
import { memoryOutbox, quietLog } from '../../uplink/uplink.testkit.ts';
import { chainFaults } from '../audit-chain.ts';
import { openCommandLog, readCommandHistory } from '../command-log.ts';
import { openCommandBook } from './book.ts';

/**
 * A centre that commands a site while a broker doubles, overtakes, dies and forgets, and the power of both goes while their
 * disks write: in virtual time, from a seed.
 */
const START = Date.UTC(2026, 5, 1, 8);
const COMMANDS = 8;
const codec = hostCodec();
const relayKey = hostSigner(newKeyPem());
const siteKey = hostSigner(newKeyPem());
const RETRY = { firstMs: 500, factor: 2, mostMs: 20_000, jitter: 0.5 };
const registry = registryOf([{ site: 'site-a', key: siteKey.publicKey, senders: ['x'], revoked: false }]);
const INTERRUPTED = { outcome: 'failed', problem: { code: 'command-interrupted', detail: 'the power went' } } as const;

async function play(seed: number) {
  const world = createWorld(seed);
  const random = world.random.fork('weather');
  const broker = simBroker(world, { random: world.random.fork('broker'), latencyMsMax: 2_000, doubles: 0.3 });
  const relayDisk = simDisk(world, { random: world.random.fork('relay-disk'), latencyMs: 20 });
  const siteDisk = simDisk(world, { random: world.random.fork('site-disk'), latencyMs: 20 });
  const logFile = simFile(world, { random: world.random.fork('log'), latencyMs: 20 });
  const folder = simFolder();
  /** By id: how often it was done, and how often begun. */
  const performed = new Map<string, { begun: number; done: number }>();

  async function centreOn(life: Life, isFirst: boolean) {
    const relay = createRelay({
      name: 'centre-1',
      broker,
      store: await openLevelRelayStore(await relayDisk.open(isFirst), life),
      registry: () => registry,
      signer: relayKey,
      codec,
      packs: new Map(),
      zone: 'Europe/Prague',
      reader: plainReader([], 'Europe/Prague', codec),
      senders: new Set(['x']),
      deliver: async () => ({ outcome: 'not-sent', detail: '' }),
      inFlightMax: 1,
      perSecondMax: 1,
      leaseMs: 10_000,
      clockOffMsMax: 600_000,
      silentAfterMs: 900_000,
      retention: { acceptedDays: 90, rejectedDays: 400, sizeMaxMb: 1_000 },
      commandLog: await openCommandLog(logFile.open()),
      retry: RETRY,
      brokerRetry: RETRY,
      clock: simClock(life, START + world.monotonicMs()),
      entropy: simEntropy(world.random.fork(`relay-${world.monotonicMs()}`)),
      log: quietLog,
    });
    void relay.run(new AbortController().signal);
    return relay.commander!;
  }

  async function siteOn(life: Life, isFirst: boolean): Promise<void> {
    const clock = simClock(life, START + world.monotonicMs());
    const buffer = await openBuffer(await siteDisk.open(isFirst), { clock });
    const book = await openCommandBook(buffer, folder, clock.now);
    const taker = createCommandTaker({
      site: 'site-a',
      signer: siteKey,
      codec,
      relayKeys: [relayKey.publicKey],
      allowed: ['read'],
      book,
      async perform(id) {
        const count = performed.get(id) ?? { begun: 0, done: 0 };
        performed.set(id, count);
        count.begun += 1;
        await pause(life, random.below(8_000));
        count.done += 1;
        return { outcome: 'done', detail: '', result: { id } };
      },
      async beside(own) {
        for (const id of book.open()) await own.conclude(id, INTERRUPTED);
      },
      clock,
      log: quietLog,
    });
    const way = createRelayWay({
      site: 'site-a',
      outbox: memoryOutbox([]),
      broker,
      signer: siteKey,
      codec,
      relayKeys: [relayKey.publicKey],
      receiptWithinMs: 5_000,
      statusEveryMs: 60_000,
      status: async () => ({}),
      taker,
      retry: RETRY,
      alert: () => undefined,
      clock,
      entropy: simEntropy(world.random.fork(`site-${world.monotonicMs()}`)),
      log: quietLog,
    });
    void way.run(new AbortController().signal);
  }

  return world.run(async () => {
    let [centreLife, siteLife] = [world.newLife(), world.newLife()];
    let commander = await centreOn(centreLife, true);
    await siteOn(siteLife, true);
    const endings: Promise<EndedCommand>[] = [];
    for (let turn = 0; turn < 60; turn++) {
      if (turn < COMMANDS) {
        const body = JSON.stringify({ device: `meter-${turn}` });
        const wish = { site: 'site-a', kind: 'read', body, by: 'test', validMs: HOUR_MS };
        endings.push(commander.give(wish, () => undefined, new AbortController().signal));
      }
      await pause(world, 2_000 + random.below(8_000));
      if (turn >= 2 * COMMANDS) continue;
      if (random.chance(0.3)) {
        siteLife.end();
        siteDisk.powerCut();
        broker.cut('odecet-site-site-a');
        siteLife = world.newLife();
        await siteOn(siteLife, false);
      }
      if (random.chance(0.2)) {
        centreLife.end();
        relayDisk.powerCut();
        logFile.powerCut();
        broker.cut('odecet-relay-centre-1');
        centreLife = world.newLife();
        commander = await centreOn(centreLife, false);
      }
      if (random.chance(0.2)) {
        broker.kill(random.chance(0.5));
        await pause(world, random.below(20) * SECOND_MS);
        broker.start();
      }
    }
    const history = await readCommandHistory(logFile.open());
    siteLife.end();
    siteDisk.powerCut();
    const audit = await (await openBuffer(await siteDisk.open(), { clock: simClock(world, START) })).auditLog();
    centreLife.end();
    return { history, audit, performed };
  });
}

describe('whatever the weather, a command is begun once at the most and its end is known', () => {
  test.each(Array.from({ length: 30 }, (_, seed) => seed))('seed %i', async (seed) => {
    const { history, audit, performed } = await play(seed);
    expect(history.faults).toEqual([]);
    expect(chainFaults(audit)).toEqual([]);
    // One that the centre's power cut met before its log had it was never given.
    expect(history.commands.length).toBeGreaterThan(COMMANDS / 2);
    for (const { given, ended } of history.commands) {
      const count = performed.get(given.id);
      expect(count?.begun ?? 0).toBeLessThanOrEqual(1);
      expect(ended, `${given.id} has no end`).toBeDefined();
      if (ended?.outcome === 'done') {
        expect(count).toEqual({ begun: 1, done: 1 });
        expect(JSON.parse(ended.result)).toEqual({ id: given.id });
      } else expect(ended).toMatchObject({ outcome: 'failed', reason: 'command-interrupted' });
    }
    expect([...performed.keys()].filter((id) => !history.commands.some(({ given }) => given.id === id))).toEqual([]);
  });
});
