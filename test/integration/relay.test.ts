import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import {
  allEmpty,
  type Centre,
  counted,
  layOutCentre,
  messageOf,
  startRelay,
  startSite,
  until,
} from '../kit/centre.ts';

let mosquitto: Mosquitto;
let centre: Centre;

beforeAll(async () => {
  mosquitto = await startMosquitto();
  centre = await layOutCentre({ sites: 3, brokerUrl: mosquitto.url });
});
afterAll(async () => {
  await centre.remove();
  await mosquitto.stop();
});

test('a message goes from the site over Mosquitto and the relay to the operator, and its answer comes back', async () => {
  const relay = await startRelay(await centre.relayFile('centre-1', {}));
  const messages = [messageOf(0, 0), messageOf(0, 1)];
  const site = startSite(centre, 0, messages, { brokerUrl: mosquitto.url });
  await until(() => allEmpty([site]), 15_000, 'the outbox is empty');
  expect(counted(await centre.entries())).toEqual({ accepted: 2, doubled: 0, rejected: 0 });
  expect(site.outbox.ended.map(({ outcome, detail }) => [outcome, detail.split(':')[0]])).toEqual([
    ['answered', 'accepted'],
    ['answered', 'accepted'],
  ]);
  await site.stop();
  await relay.stop();
}, 30_000);
