import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { hostSigner, newKeyPem } from '../../src/host/signer.ts';
import type { BrokerSession, Delivered } from '../../src/machine/broker.ts';
import { gasMessage } from '../../src/sandbox/sandbox.testkit.ts';
import { openReceipt, packEnvelope } from '../../src/uplink/relay/protocol.ts';
import { topicOf } from '../../src/uplink/relay/topics.ts';
import {
  type Centre,
  clock,
  codec,
  counted,
  layOutCentre,
  messageOf,
  pointOf,
  siteName,
  startRelay,
  until,
} from '../kit/centre.ts';

/** What is not as it should be is refused, with a reason and an alert. */
const SITES = 2;

let mosquitto: Mosquitto;
let centre: Centre;
let stopRelay: () => Promise<void>;

interface Stranger {
  readonly session: BrokerSession;
  readonly heard: Delivered[];
}
let stranger: Stranger;

/** Somebody who came past the broker's access list and hears and says everything. */
beforeEach(async () => {
  mosquitto = await startMosquitto();
  centre = await layOutCentre({ sites: SITES, brokerUrl: mosquitto.url });
  ({ stop: stopRelay } = await startRelay(await centre.relayFile('centre-1', {})));
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
afterEach(async () => {
  await stranger.session.close();
  await stopRelay();
  await centre.remove();
  await mosquitto.stop();
});

const acceptedSoFar = async () => counted(await centre.entries()).accepted;

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
  // What another may have said in the site's name is told apart: no good message of the site ends it.
  const kind = ['bad-signature', 'wrong-topic', 'bad-hash'].includes(reason) ? 'unbelieved' : 'refused';
  const alert = stranger.heard.findLast(({ topic }) => topic === topicOf('relay', `alert/${site}-${kind}`));
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

test('documents that are made to be slow to read hold up nobody', async () => {
  const declared = Array.from({ length: 5_800 }, (_, n) => `xmlns:p${n.toString(36)}="u"`).join(' ');
  for (let n = 0; n < 4; n++) {
    const slow = { ...messageOf(1, n), xml: `<a ${declared} n="${n}"/>` };
    await say(siteName(1), packEnvelope(slow, siteName(1), centre.signers.get(siteName(1))!, codec));
  }
  await say(siteName(0), envelope(0));
  await until(async () => (await acceptedSoFar()) === 1, 10_000, 'the other site’s is accepted');
  await until(
    () => receiptsOf(siteName(1)).filter((one) => one === 'refused bad-document').length === 4,
    10_000,
    'all',
  );
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

test('a correction by another site of the same sender, of a message that the relay has', async () => {
  await say(siteName(0), envelope(0));
  await until(async () => (await acceptedSoFar()) === 1, 10_000, 'accepted');
  const own = messageOf(0, 0);
  const shape = { day: own.day, point: pointOf(0), corrects: own.id };
  const stolen = { ...gasMessage('20260009000001', shape), corrects: own.id };
  await say(siteName(1), packEnvelope(stolen, siteName(1), centre.signers.get(siteName(1))!, codec));
  await until(() => receiptsOf(siteName(1)).includes('refused foreign-correction'), 10_000, 'refused');
  expect(counted(await centre.entries())).toEqual({ accepted: 1, doubled: 0, rejected: 0 });
});

test('a point from two sites is told; one that the registry gives to the other is refused', async () => {
  const speak = (day: number) => {
    const foreign = { ...messageOf(0, day), id: `2026100${day}000001` };
    const made = gasMessage(foreign.id, { day: foreign.day, point: pointOf(0) });
    return say(siteName(1), packEnvelope(made, siteName(1), centre.signers.get(siteName(1))!, codec));
  };
  await say(siteName(0), envelope(0));
  await until(async () => (await acceptedSoFar()) === 1, 10_000, 'accepted');
  await speak(1);
  const alert = topicOf('relay', `alert/point-${pointOf(0).toLowerCase()}`);
  await until(() => stranger.heard.some(({ topic }) => topic === alert), 10_000, 'people are told');
  await centre.writeRegistry((lines) =>
    lines.map((line) => (line.site === siteName(0) ? { ...line, points: [pointOf(0)] } : line)),
  );
  await clock.sleep(1_000);
  await speak(2);
  await until(() => receiptsOf(siteName(1)).includes('refused wrong-point'), 10_000, 'refused');
});
