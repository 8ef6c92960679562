import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { type Postgres, postgresPrograms, startPostgres } from '../../scripts/rehearsal/postgres.ts';
import { freePorts } from '../../scripts/rehearsal/processes.ts';
import { loadRelayConfig } from '../../src/app/relay.ts';
import { runRelay } from '../../src/app/run-relay.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { SITE_ALERTS_MAX } from '../../src/relay/alert-bounds.ts';
import { topicOf } from '../../src/uplink/relay/topics.ts';
import { quietLog } from '../../src/uplink/uplink.testkit.ts';
import {
  allEmpty,
  type Centre,
  clock,
  counted,
  layOutCentre,
  messageOf,
  type RunningSite,
  siteName,
  startRelay,
  startSite,
  until,
} from '../kit/centre.ts';

const SITES = 6;
const DAYS = 10;

describe.skipIf(!postgresPrograms())('two relays on PostgreSQL (skipped without the Debian package postgresql)', () => {
  let mosquitto: Mosquitto;
  let server: Postgres;
  let centre: Centre;
  let sites: RunningSite[];
  let relays: { stop(): Promise<void> }[];

  beforeEach(async () => {
    [mosquitto, server] = await Promise.all([startMosquitto(), startPostgres()]);
    centre = await layOutCentre({ sites: SITES, brokerUrl: mosquitto.url });
    await writeFile(join(centre.rehearsal.folder, 'database.url'), server.url);
    sites = [];
    relays = [];
  }, 60_000);
  afterEach(async () => {
    await Promise.all(sites.map((site) => site.stop()));
    await Promise.all(relays.map((relay) => relay.stop()));
    await Promise.all([centre.remove(), server.stop(), mosquitto.stop()]);
  }, 60_000);

  async function startRelays(parts: object): Promise<void> {
    for (const name of ['centre-1', 'centre-2']) {
      const store = { kind: 'postgres', urlFile: 'database.url', connections: 2 };
      relays.push(await startRelay(await centre.relayFile(name, { store, ...parts })));
    }
  }

  test('together they let no more messages go to the operator than one may', async () => {
    const perSecondMax = 10;
    await startRelays({ perSecondMax });
    sites = Array.from({ length: SITES }, (_, n) =>
      startSite(
        centre,
        n,
        Array.from({ length: DAYS }, (__, day) => messageOf(n, day)),
        { brokerUrl: mosquitto.url },
      ),
    );
    await until(() => allEmpty(sites), 60_000, 'every outbox is empty');
    const entries = await centre.entries();
    expect(counted(entries)).toEqual({ accepted: SITES * DAYS, doubled: 0, rejected: 0 });
    const times = entries.map(({ receivedAt }) => Date.parse(receivedAt)).sort((a, b) => a - b);
    // A busy machine is only ever slower. Two that counted each for itself would need half of this.
    const seconds = (times.at(-1)! - times[0]!) / 1_000;
    expect(seconds).toBeGreaterThan((SITES * DAYS) / perSecondMax - 1);
  }, 90_000);

  test('one does not write into the log of the other’s commands', async () => {
    const parts = { store: { kind: 'postgres', urlFile: 'database.url' }, commandFolder: 'commands' };
    let isReady = false;
    const log = {
      ...quietLog,
      info(event: string) {
        if (event === 'relay-ready') isReady = true;
      },
    };
    relays.push(await startRelay(await centre.relayFile('centre-1', parts), log));
    await until(() => isReady, 20_000, 'the first runs');
    const config = await centre.relayFile('centre-2', parts);
    const second = runRelay(await loadRelayConfig(config), false, clock, quietLog, AbortSignal.timeout(5_000));
    await expect(second).rejects.toMatchObject({ failure: { code: 'store-locked' } });
  }, 60_000);

  /** What stands on the broker, how often each was said, and what was taken back. */
  async function staff() {
    const standing = new Map<string, string>();
    const said = new Map<string, number>();
    const takenBack: string[] = [];
    await mqttBroker({ url: mosquitto.url, protocolVersion: 5 }).connect({
      clientId: 'staff',
      clean: true,
      subscriptions: ['odecet/1/+/alert/+', 'odecet/1/+/state'],
      async onMessage({ topic, payload }) {
        const [name, text] = [topic.replace('odecet/1/', ''), new TextDecoder().decode(payload)];
        if (text === '') {
          standing.delete(name);
          takenBack.push(name);
        } else {
          standing.set(name, text);
          said.set(name, (said.get(name) ?? 0) + 1);
        }
      },
    });
    return {
      standing,
      said,
      takenBack,
      alerts: () => [...standing.keys()].filter((name) => name.includes('/alert/')).sort(),
    };
  }

  test('a silent site is one alert, of one that never spoke too; it outlives the relay that said it, and its site ends it', async () => {
    const { standing, said, takenBack, alerts } = await staff();
    await centre.writeRegistry((lines) =>
      lines.slice(0, 2).map((line) => ({ ...line, enrolled: '2026-01-01T00:00:00Z' })),
    );
    const start = () => startSite(centre, 0, [], { brokerUrl: mosquitto.url });
    sites = [start()];
    // Else, on a busy machine, its first word may come when it has been silent for too long.
    await until(() => standing.get(`${siteName(0)}/state`) === 'ready', 20_000, 'the first has spoken');
    await startRelays({ silentAfterMs: 4_000 });
    const both = [0, 1].map((n) => `relay/alert/${siteName(n)}-silent`);
    await until(() => alerts().length === 2, 20_000, 'both are silent');
    await clock.sleep(6_000);
    expect(alerts()).toEqual(both);
    // Both may say it in one moment.
    for (const name of both) expect(said.get(name)).toBeLessThanOrEqual(2);
    expect(takenBack).toEqual([]);
    expect(standing.get(`${siteName(1)}/state`)).toBe('never');
    const [gone] = relays.splice(Number(standing.get(both[0]!)?.includes('centre-2')), 1);
    await gone!.stop();
    await clock.sleep(3_000);
    expect(alerts()).toEqual(both);
    await sites[0]!.stop();
    sites = [start(), startSite(centre, 1, [], { brokerUrl: mosquitto.url })];
    await until(() => alerts().length === 0, 10_000, 'both have spoken');
    expect(standing.get(`${siteName(1)}/state`)).toBe('ready');
  }, 90_000);

  test('a database that is gone for long is an alert and a metric of each relay, until it is back', async () => {
    const { alerts } = await staff();
    const [port] = await freePorts(1);
    const metrics = { host: '127.0.0.1', port };
    const store = { kind: 'postgres', urlFile: 'database.url', connections: 2 };
    relays.push(await startRelay(await centre.relayFile('centre-1', { store, metrics })));
    const failing = async () => {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      return /odecet_relay_failing\{part="store"\} (\d)/.exec(text)?.[1];
    };
    const scraped = () => failing().catch(() => undefined);
    await until(async () => (await scraped()) === '0', 20_000, 'it is told that all is well');
    await server.halt('immediate');
    await until(() => alerts().includes('centre-1/alert/store-failing'), 60_000, 'its alert');
    expect(await failing()).toBe('1');
    sites = [startSite(centre, 0, [messageOf(0, 0)], { brokerUrl: mosquitto.url })];
    await server.start();
    await until(() => allEmpty(sites), 60_000, 'what came meanwhile is with the operator');
    await until(() => alerts().length === 0, 30_000, 'the alert is gone');
    expect(await failing()).toBe('0');
  }, 200_000);

  test('a site cannot fill the broker with alerts', async () => {
    const { alerts } = await staff();
    await startRelays({});
    sites = [startSite(centre, 0, [messageOf(0, 0)], { brokerUrl: mosquitto.url })];
    await until(() => allEmpty(sites), 30_000, 'the relays are there');
    const flood = await mqttBroker({ url: mosquitto.url, protocolVersion: 5 }).connect({
      clientId: 'flood',
      clean: true,
      subscriptions: [],
      onMessage: async () => undefined,
    });
    const payload = new TextEncoder().encode(JSON.stringify({ id: 'x', code: 'c', detail: 'd', since: 's' }));
    for (let n = 0; n < 1_000; n++)
      await flood.publish({ topic: topicOf(siteName(1), `alert/x-${n}`), payload, retain: true });
    await until(() => alerts().length === SITE_ALERTS_MAX + 1, 20_000, 'what is too much is taken back');
    expect(alerts()).toContain(`relay/alert/${siteName(1)}-alerts`);
    await flood.close();
  }, 90_000);
});
