import { randomBytes, scryptSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EmbeddedBroker } from '../host/broker-embedded.ts';
import { mqttBroker } from '../host/broker-mqtt.ts';
import { registryOf } from '../relay/registry.ts';
import { embeddedBroker, SCRYPT_COST } from './embedded-broker.ts';

const PASSWORD = 'secret';

function line(site: string, revoked = false) {
  const salt = randomBytes(16);
  const hash = scryptSync(PASSWORD, salt, 32, SCRYPT_COST);
  const password = `${salt.toString('hex')}:${hash.toString('hex')}`;
  return { site, key: 'A'.repeat(43), senders: ['S'], password, revoked };
}

let folder: string;
let broker: EmbeddedBroker;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-embedded-'));
  await writeFile(join(folder, 'staff.password'), `${PASSWORD}\n`);
  const registry = registryOf([line('site-a'), line('site-b'), line('gone', true)]);
  const config = { host: '127.0.0.1', port: 0, staffPasswordFile: 'staff.password' };
  broker = await embeddedBroker({ embeddedBroker: config }, folder, () => registry);
});
afterEach(async () => {
  await broker.close();
  await rm(folder, { recursive: true });
});

async function comesIn(username: string, clientId: string): Promise<boolean> {
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const outside = mqttBroker({ url, protocolVersion: 4, username, password: PASSWORD });
  const hello = { clientId, clean: true, subscriptions: [], onMessage: async () => undefined };
  return outside.connect(hello).then(
    (session) => session.close().then(() => true),
    () => false,
  );
}

test.each([
  ['site-a', 'odecet-site-site-a', true],
  ['site-a', 'odecet-site-site-b', false],
  ['site-a', 'odecet-relay-centre-1', false],
  ['site-a', 'mosquitto-sub', false],
  ['gone', 'odecet-site-gone', false],
  ['staff', 'mosquitto-sub', true],
  ['staff', 'odecet-site-site-a', false],
  ['staff', 'odecet-relay-centre-1', false],
])('the user %s as client %s: %s', async (user, clientId, isAllowed) => {
  expect(await comesIn(user, clientId)).toBe(isAllowed);
});
