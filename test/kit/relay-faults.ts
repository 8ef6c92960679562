import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { type Postgres, postgresPrograms, startPostgres } from '../../scripts/rehearsal/postgres.ts';
import { type Supervised, supervise } from '../../scripts/rehearsal/processes.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { topicOf } from '../../src/uplink/relay/topics.ts';
import {
  allEmpty,
  type Centre,
  clock,
  counted,
  layOutCentre,
  messageOf,
  type RunningSite,
  siteName,
  startSite,
  until,
} from './centre.ts';
import { startStranger } from './stranger.ts';
import { tcpProxy } from './tcp-proxy.ts';

export interface FaultPlan {
  readonly sites: number;
  /** One message a day each. */
  readonly days: number;
  /** For each part of a test; a busy machine takes its time. */
  readonly withinMs: number;
}

/**
 * The relay as a process of its own, killed as a power cut would, on a real Mosquitto and a real PostgreSQL. Through each fault
 * go `sites` times `days` messages; each is with the operator exactly once, and every site has been told so.
 */
export function relayFaults({ sites: siteCount, days, withinMs }: FaultPlan): void {
  const messageCount = siteCount * days;
  const testMs = 6 * withinMs;
  let mosquitto: Mosquitto;
  let centre: Centre;
  let relays: Supervised[];
  let sites: RunningSite[];

  beforeEach(async () => {
    mosquitto = await startMosquitto();
    centre = await layOutCentre({ sites: siteCount, brokerUrl: mosquitto.url });
    relays = [];
    sites = [];
  }, 30_000);
  afterEach(async () => {
    await Promise.all(sites.map((site) => site.stop()));
    await Promise.all(relays.map((relay) => relay.stop()));
    await centre.remove();
    await mosquitto.stop();
  }, 60_000);

  async function startRelay(name: string, parts: object = {}, heard: (event: string) => void = () => undefined) {
    const logs = join(centre.rehearsal.folder, 'logs');
    await mkdir(logs, { recursive: true });
    const args = ['relay', '--config', await centre.relayFile(name, parts)];
    const relay = supervise(name, args, logs, ({ event }) => heard(String(event)));
    relays.push(relay);
    return relay;
  }

  function startSites(brokerUrl = mosquitto.url): void {
    sites = Array.from({ length: siteCount }, (_, n) =>
      startSite(
        centre,
        n,
        Array.from({ length: days }, (__, day) => messageOf(n, day)),
        // Both versions of MQTT go through every fault.
        { brokerUrl, protocolVersion: n % 2 === 0 ? 5 : 4 },
      ),
    );
  }

  const acceptedSoFar = async () => counted(await centre.entries()).accepted;

  const untilAccepted = (part: number) =>
    until(async () => (await acceptedSoFar()) >= messageCount * part, withinMs, `${part} of all are accepted`);

  async function expectAllOnce(): Promise<void> {
    await until(() => allEmpty(sites), withinMs, 'every outbox is empty');
    expect(counted(await centre.entries())).toEqual({ accepted: messageCount, doubled: 0, rejected: 0 });
    const verdicts = sites.flatMap(({ outbox }) =>
      outbox.ended.filter(({ outcome }) => outcome === 'answered').map(({ detail }) => detail.split(':')[0]),
    );
    expect(verdicts).toEqual(Array.from({ length: messageCount }, () => 'accepted'));
  }

  test('the broker is killed with messages under way', { timeout: testMs }, async () => {
    await startRelay('centre-1');
    startSites();
    for (const part of [0.2, 0.5, 0.8]) {
      await untilAccepted(part);
      await mosquitto.kill();
      await mosquitto.start();
    }
    await expectAllOnce();
  });

  test('the broker comes back without its persistence', { timeout: testMs }, async () => {
    await startRelay('centre-1');
    startSites();
    for (const part of [0.2, 0.6]) {
      await untilAccepted(part);
      await mosquitto.kill();
      await mosquitto.start(true);
    }
    await expectAllOnce();
  });

  test('the relay is killed between store and receipt, and between send and answer', { timeout: testMs }, async () => {
    let kept = 0;
    let kills = 0;
    const relay = await startRelay('centre-1', {}, (event) => {
      // The log line comes before the receipt goes.
      if (event !== 'message-kept') return;
      kept += 1;
      if (kills >= 5 || kept % Math.ceil(messageCount / 8) !== 1) return;
      kills += 1;
      relay.kill();
    });
    startSites();
    await untilAccepted(0.3);
    for (let n = 0; n < 4; n++) {
      // The operator has the message and answers late: the relay dies between send and answer.
      centre.sandbox.faults.add({ kind: 'slow', times: 8, ms: 1_500 });
      await clock.sleep(700);
      relay.kill();
      await clock.sleep(1_500);
    }
    await expectAllOnce();
    expect(kills).toBe(5);
  });

  test('the operator goes away, breaks, forges and answers nonsense', { timeout: testMs }, async () => {
    await startRelay('centre-1');
    for (const kind of ['soap-fault', 'lost-answer', 'bad-signature', 'unknown-code', 'down'] as const)
      centre.sandbox.faults.add({ kind, times: Math.min(15, Math.ceil(messageCount / 10)), ms: 0 });
    startSites();
    await untilAccepted(0.5);
    await centre.restartSandbox();
    await expectAllOnce();
  });

  test('the network is cut, and freezes, for sites and relay', { timeout: testMs }, async () => {
    const [siteWire, relayWire] = await Promise.all([tcpProxy(mosquitto.port), tcpProxy(mosquitto.port)]);
    await startRelay('centre-1', { broker: { url: `mqtt://127.0.0.1:${relayWire.port}` } });
    startSites(`mqtt://127.0.0.1:${siteWire.port}`);
    for (const [part, wire, how] of [
      [0.1, siteWire, 'cut'],
      [0.3, relayWire, 'cut'],
      [0.5, siteWire, 'freeze'],
      [0.7, relayWire, 'freeze'],
    ] as const) {
      await untilAccepted(part);
      wire[how]();
      await clock.sleep(1_000);
      wire.mend();
    }
    await expectAllOnce();
    await Promise.all([siteWire.close(), relayWire.close()]);
  });

  test('a stranger repeats, reorders and forges everything', { timeout: testMs }, async () => {
    let isThere = false;
    await startRelay('centre-1', {}, (event) => {
      if (event === 'broker-connected') isThere = true;
    });
    // What he says while there is no relay nobody hears.
    await until(() => isThere, withinMs, 'the relay is there');
    const stranger = await startStranger(mosquitto.url);
    startSites();
    await expectAllOnce();
    await until(() => stranger.said() >= messageCount, withinMs, 'he has said as much as all sites');
    await until(() => stranger.refusals().has('bad-signature'), withinMs, 'what he forged is refused');
    await stranger.close();
    await expectAllOnce();
  });

  test('sessions are stolen again and again', { timeout: testMs }, async () => {
    await startRelay('centre-1');
    startSites();
    // The broker drops the older of two clients with one id; the thief leaves, and with him what came meanwhile.
    let stolen = 0;
    for (let n = 0; n < Math.min(siteCount, 20); n++) {
      const stealing = mqttBroker({ url: mosquitto.url, protocolVersion: 5 }).connect({
        clientId: `odecet-site-${siteName(n)}`,
        clean: n % 2 === 0,
        subscriptions: [topicOf(siteName(n), 'down')],
        onMessage: async () => undefined,
      });
      // The site may be quicker to take its session back.
      const thief = await stealing.catch(() => undefined);
      await clock.sleep(100);
      await thief?.close();
      if (thief) stolen += 1;
    }
    expect(stolen).toBeGreaterThan(0);
    await expectAllOnce();
  });

  describe.skipIf(!postgresPrograms())('on PostgreSQL (skipped without the Debian package postgresql)', () => {
    let server: Postgres;
    beforeEach(async () => {
      server = await startPostgres();
      await writeFile(join(centre.rehearsal.folder, 'database.url'), server.url);
    }, 60_000);
    afterEach(async () => {
      await Promise.all(relays.map((relay) => relay.stop()));
      await server.stop();
    }, 60_000);

    test('two relays, each killed in turn; the database crashes and restarts', { timeout: testMs }, async () => {
      const store = { kind: 'postgres', urlFile: 'database.url' };
      const one = await startRelay('centre-1', { store });
      const two = await startRelay('centre-2', { store });
      startSites();
      await untilAccepted(0.2);
      one.kill();
      await untilAccepted(0.4);
      two.kill();
      await server.restart('immediate');
      await untilAccepted(0.7);
      await server.restart('fast');
      await expectAllOnce();
    });
  });
}
