import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { type Postgres, postgresPrograms, startPostgres } from '../../scripts/rehearsal/postgres.ts';
import { type Supervised, supervise } from '../../scripts/rehearsal/processes.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { hostSigner, newKeyPem } from '../../src/host/signer.ts';
import type { BrokerSession, Delivered } from '../../src/machine/broker.ts';
import { openReceipt, packEnvelope } from '../../src/uplink/relay/protocol.ts';
import { topicOf } from '../../src/uplink/relay/topics.ts';
import {
  allEmpty,
  type Centre,
  clock,
  codec,
  counted,
  layOutCentre,
  messageOf,
  type RunningSite,
  siteName,
  startSite,
  until,
} from '../kit/centre.ts';

/** The relay as a process of its own, killed as a power cut would, on a real Mosquitto and a real PostgreSQL. */
const SITES = 20;
const DAYS = 10;
const MESSAGES = SITES * DAYS;
const WITHIN_MS = 90_000;

let mosquitto: Mosquitto;
let centre: Centre;
let relays: Supervised[];
let sites: RunningSite[];

beforeEach(async () => {
  mosquitto = await startMosquitto();
  centre = await layOutCentre({ sites: SITES, brokerUrl: mosquitto.url });
  relays = [];
  sites = [];
}, 30_000);
afterEach(async () => {
  await Promise.all(sites.map((site) => site.stop()));
  await Promise.all(relays.map((relay) => relay.stop()));
  await centre.remove();
  await mosquitto.stop();
}, 30_000);

async function startRelayProcess(name: string, parts: object = {}, heard: (event: string) => void = () => undefined) {
  const logs = join(centre.rehearsal.folder, 'logs');
  await mkdir(logs, { recursive: true });
  const args = ['relay', '--config', await centre.relayFile(name, parts)];
  const relay = supervise(name, args, logs, ({ event }) => heard(String(event)));
  relays.push(relay);
  return relay;
}

function startSites(): void {
  sites = Array.from({ length: SITES }, (_, n) =>
    startSite(
      centre,
      n,
      Array.from({ length: DAYS }, (__, day) => messageOf(n, day)),
      // Both versions of MQTT go through every fault.
      { brokerUrl: mosquitto.url, protocolVersion: n % 2 === 0 ? 5 : 4 },
    ),
  );
}

async function acceptedSoFar(): Promise<number> {
  return counted(await centre.entries()).accepted;
}

/** Every message is with the operator exactly once, and every site has been told so. */
async function expectAllOnce(): Promise<void> {
  await until(() => allEmpty(sites), WITHIN_MS, 'every outbox is empty');
  expect(counted(await centre.entries())).toEqual({ accepted: MESSAGES, doubled: 0, rejected: 0 });
  const verdicts = sites.flatMap(({ outbox }) =>
    outbox.ended.filter(({ outcome }) => outcome === 'answered').map(({ detail }) => detail.split(':')[0]),
  );
  expect(verdicts).toEqual(Array.from({ length: MESSAGES }, () => 'accepted'));
}

test('the broker is killed with messages under way', async () => {
  await startRelayProcess('centre-1');
  startSites();
  for (const part of [0.2, 0.5, 0.8]) {
    await until(async () => (await acceptedSoFar()) >= MESSAGES * part, WITHIN_MS, `${part} of all`);
    await mosquitto.kill();
    await mosquitto.start();
  }
  await expectAllOnce();
}, 180_000);

test('the broker comes back without its persistence', async () => {
  await startRelayProcess('centre-1');
  startSites();
  for (const part of [0.2, 0.6]) {
    await until(async () => (await acceptedSoFar()) >= MESSAGES * part, WITHIN_MS, `${part} of all`);
    await mosquitto.kill();
    await mosquitto.start(true);
  }
  await expectAllOnce();
}, 180_000);

test('the relay is killed after it stored and before it said so, and while the operator works', async () => {
  const kept: string[] = [];
  let kills = 0;
  const relay = await startRelayProcess('centre-1', {}, (event) => {
    // The log line comes before the receipt goes.
    if (event !== 'message-kept') return;
    kept.push(event);
    if (kills < 5 && kept.length % 40 === 1) {
      kills += 1;
      relay.kill();
    }
  });
  startSites();
  await until(async () => (await acceptedSoFar()) >= MESSAGES * 0.3, WITHIN_MS, 'some are accepted');
  for (let n = 0; n < 4; n++) {
    // The operator has the message and answers late: the relay dies between send and answer.
    centre.sandbox.faults.add({ kind: 'slow', times: 8, ms: 1_500 });
    await clock.sleep(700);
    relay.kill();
    await clock.sleep(1_500);
  }
  await expectAllOnce();
  expect(kills).toBe(5);
}, 180_000);

test('the operator goes away, breaks, forges and answers nonsense', async () => {
  await startRelayProcess('centre-1');
  for (const kind of ['soap-fault', 'lost-answer', 'bad-signature', 'unknown-code', 'down'] as const)
    centre.sandbox.faults.add({ kind, times: 15, ms: 0 });
  startSites();
  await until(async () => (await acceptedSoFar()) >= MESSAGES * 0.5, WITHIN_MS, 'half are accepted');
  await centre.restartSandbox();
  await expectAllOnce();
}, 180_000);

describe.skipIf(!postgresPrograms())(
  'on PostgreSQL (skipped where the Debian package postgresql is not installed)',
  () => {
    let server: Postgres;
    beforeEach(async () => {
      server = await startPostgres();
      await writeFile(join(centre.rehearsal.folder, 'database.url'), server.url);
    }, 60_000);
    afterEach(async () => {
      await Promise.all(relays.map((relay) => relay.stop()));
      await server.stop();
    });

    const store = { kind: 'postgres', urlFile: 'database.url' };

    test('two relays share the load; each is killed in turn, and the database is restarted', async () => {
      const one = await startRelayProcess('centre-1', { store });
      const two = await startRelayProcess('centre-2', { store });
      startSites();
      await until(async () => (await acceptedSoFar()) >= MESSAGES * 0.2, WITHIN_MS, 'a fifth');
      one.kill();
      await until(async () => (await acceptedSoFar()) >= MESSAGES * 0.4, WITHIN_MS, 'two fifths');
      two.kill();
      await server.restart('immediate');
      await until(async () => (await acceptedSoFar()) >= MESSAGES * 0.7, WITHIN_MS, 'more');
      await server.restart('fast');
      await expectAllOnce();
    }, 240_000);
  },
);

describe('what is not as it should be is refused, with a reason and an alert', () => {
  interface Stranger {
    readonly session: BrokerSession;
    readonly heard: Delivered[];
  }
  let stranger: Stranger;

  /** Somebody who came past the broker's access list and hears and says everything. */
  beforeEach(async () => {
    await startRelayProcess('centre-1');
    const heard: Delivered[] = [];
    const session = await mqttBroker({ url: mosquitto.url, protocolVersion: 5 }).connect({
      clientId: 'stranger',
      clean: true,
      subscriptions: ['odecet/1/#'],
      onMessage: async (delivered) => void heard.push(delivered),
    });
    stranger = { session, heard };
    await until(() => heard.some(({ topic }) => topic === topicOf('centre-1', 'state')), 10_000, 'the relay is there');
  }, 30_000);
  afterEach(() => stranger.session.close());

  const say = (site: string, payload: Uint8Array) => stranger.session.publish({ topic: topicOf(site, 'up'), payload });

  function receiptsOf(site: string): string[] {
    return stranger.heard
      .filter(({ topic }) => topic === topicOf(site, 'down'))
      .flatMap(({ payload }) => {
        const head = openReceipt(payload)?.head;
        return head ? [`${head.stage} ${head.reasons.map(({ code }) => code).join(' ')}`.trim()] : [];
      });
  }

  async function expectRefused(site: string, reason: string): Promise<void> {
    await until(() => receiptsOf(site).includes(`refused ${reason}`), 10_000, `refused as ${reason}`);
    const alert = stranger.heard.findLast(({ topic }) => topic === topicOf('centre-1', `alert/${site}-refused`));
    expect(new TextDecoder().decode(alert?.payload)).toContain(reason);
    expect(await acceptedSoFar()).toBe(0);
  }

  const envelope = (n: number, signer = centre.signers.get(siteName(n))!, as = n) =>
    packEnvelope(messageOf(n, 0), siteName(as), signer, codec);

  test('signed by a key that is not the site’s', async () => {
    await say(siteName(0), envelope(0, hostSigner(newKeyPem())));
    await expectRefused(siteName(0), 'bad-signature');
  });

  test('a good envelope on the topic of another site', async () => {
    await say(siteName(1), envelope(0));
    await expectRefused(siteName(1), 'wrong-topic');
  });

  test('a body that is not the one that was signed for', async () => {
    const [first, second] = [envelope(0), envelope(1)];
    const end = (bytes: Uint8Array) => bytes.indexOf(10, 130) + 1;
    await say(siteName(0), Uint8Array.from([...first.subarray(0, end(first)), ...second.subarray(end(second))]));
    await expectRefused(siteName(0), 'bad-hash');
  });

  test('a site that nobody enrolled', async () => {
    await say('unheard-of', packEnvelope(messageOf(0, 0), 'unheard-of', hostSigner(newKeyPem()), codec));
    await expectRefused('unheard-of', 'unknown-site');
  });

  test('made in the future by a clock that is far off', async () => {
    const late = { ...messageOf(0, 0), madeAt: Date.now() + 3_600_000 };
    await say(siteName(0), packEnvelope(late, siteName(0), centre.signers.get(siteName(0))!, codec));
    await expectRefused(siteName(0), 'clock-off');
  });

  test('a document that is not of the pack', async () => {
    const broken = { ...messageOf(0, 0), xml: messageOf(0, 0).xml.replace('value="1.001"', 'value="much"') };
    await say(siteName(0), packEnvelope(broken, siteName(0), centre.signers.get(siteName(0))!, codec));
    await expectRefused(siteName(0), 'bad-document');
  });

  test('a revoked site, at once', async () => {
    await centre.writeRegistry((lines) => lines.map((line) => ({ ...line, revoked: line.site === siteName(0) })));
    await clock.sleep(1_000);
    await say(siteName(0), envelope(0));
    await expectRefused(siteName(0), 'revoked-site');
  });

  test('a replayed envelope is accepted once; each copy gets a receipt', async () => {
    for (let n = 0; n < 5; n++) await say(siteName(0), envelope(0));
    await until(() => receiptsOf(siteName(0)).includes('accepted 0'), 10_000, 'accepted').catch(() => undefined);
    await until(async () => (await acceptedSoFar()) === 1, 10_000, 'accepted');
    await say(siteName(0), envelope(0));
    await until(
      () => receiptsOf(siteName(0)).filter((receipt) => receipt.startsWith('accepted')).length >= 2,
      10_000,
      'the last receipt is repeated',
    );
    expect(counted(await centre.entries())).toEqual({ accepted: 1, doubled: 0, rejected: 0 });
  });

  test('other content under an id that was used', async () => {
    await say(siteName(0), envelope(0));
    await until(async () => (await acceptedSoFar()) === 1, 10_000, 'accepted');
    const other = messageOf(0, 0);
    const changed = { ...other, xml: other.xml.replace('value="1.001"', 'value="9.001"') };
    await say(siteName(0), packEnvelope(changed, siteName(0), centre.signers.get(siteName(0))!, codec));
    await until(() => receiptsOf(siteName(0)).includes('refused changed-content'), 10_000, 'refused');
    expect(counted(await centre.entries())).toEqual({ accepted: 1, doubled: 0, rejected: 0 });
  });

  test('receipts by a stranger are not believed, and a stolen session delays but loses nothing', async () => {
    const site = startSite(centre, 0, [messageOf(0, 0)], { brokerUrl: mosquitto.url });
    sites.push(site);
    // The broker drops the older of two clients with one id.
    const thief = await mqttBroker({ url: mosquitto.url, protocolVersion: 5 }).connect({
      clientId: `odecet-site-${siteName(0)}`,
      clean: false,
      subscriptions: [topicOf(siteName(0), 'down')],
      onMessage: async () => undefined,
    });
    await clock.sleep(500);
    await thief.close();
    await until(() => allEmpty([site]), 30_000, 'the site is told');
    expect(counted(await centre.entries())).toEqual({ accepted: 1, doubled: 0, rejected: 0 });
  });
});
