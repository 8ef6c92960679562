import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { type Mosquitto, startMosquitto } from '../scripts/rehearsal/mosquitto.ts';
import { enroll, giveNumber, givePoints, pointsOfSiteFile, renew, revoke } from '../src/app/enroll.ts';
import { createSiteView } from '../src/app/site-view.ts';
import { OdecetError } from '../src/core/failure.ts';
import { startEmbeddedBroker } from '../src/host/broker-embedded.ts';
import { mqttBroker } from '../src/host/broker-mqtt.ts';
import { hostClock } from '../src/host/clock.ts';
import { hostSigner } from '../src/host/signer.ts';
import type { BrokerSession, Delivered } from '../src/machine/broker.ts';
import { readRegistry } from '../src/relay/registry.ts';
import { topicOf } from '../src/uplink/relay/topics.ts';
import {
  allEmpty,
  type Centre,
  counted,
  layOutCentre,
  messageOf,
  pointOf,
  siteName,
  startRelay,
  startSite,
  until,
} from './kit/centre.ts';

/** Enrolment, the broker's access list, and the broker inside the relay. */
const clock = hostClock();
const PATH = `${process.env.PATH ?? ''}:/usr/sbin`;
const hasMosquitto = spawnSync('mosquitto', ['-h'], { env: { ...process.env, PATH } }).error === undefined;
const shipped = (name: string) => readFileSync(new URL(`../systemd/mosquitto/${name}`, import.meta.url), 'utf8');
const bytes = (text: string) => new TextEncoder().encode(text);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-enroll-'));
});
afterEach(() => rm(folder, { recursive: true }));

function order(site: string, more: object = {}) {
  return {
    site,
    registry: join(folder, 'registry.yaml'),
    senders: ['27XG-CENTROPOL-P'],
    out: join(folder, site),
    csr: false,
    mosquittoPasswords: join(folder, 'passwords'),
    ...more,
  };
}

const passwordOf = async (site: string) => (await readFile(join(folder, site, 'broker.password'), 'utf8')).trim();

test('enrolling makes a key that fits the line in the registry, and keeps what stood there', async () => {
  await writeFile(join(folder, 'registry.yaml'), '# ours\nsites: []\n');
  const { line, uplink } = await enroll(order('site-a', { relayKey: 'K'.repeat(43) }));
  await enroll(order('site-b'));
  const text = await readFile(join(folder, 'registry.yaml'), 'utf8');
  expect(text).toContain('# ours');
  expect(parse(text).sites.map(({ site }: { site: string }) => site)).toEqual(['site-a', 'site-b']);
  expect(hostSigner(await readFile(join(folder, 'site-a', 'site.key'), 'utf8')).publicKey).toBe(line.key);
  expect(parse(uplink).uplink).toMatchObject({ kind: 'relay', key: 'site.key', relayKeys: ['K'.repeat(43)] });
});

test('each site gets a number of its own, which is nobody else’s afterwards', async () => {
  for (const file of ['registry.yaml', 'registry.json']) {
    const registry = join(folder, file);
    const old = { site: 'old', key: 'K'.repeat(43), senders: ['27XG-CENTROPOL-P'] };
    await writeFile(registry, file.endsWith('json') ? JSON.stringify({ sites: [old] }) : stringify({ sites: [old] }));
    const numberOf = async (site: string) => {
      const { line, uplink } = await enroll(order(site, { registry, out: join(folder, `${file}-${site}`) }));
      expect(parse(uplink).number).toBe(line.number);
      return line.number;
    };
    expect(await numberOf('site-a')).toBe(1);
    expect(await giveNumber(registry, 'old')).toBe(2);
    expect(await giveNumber(registry, 'old')).toBe(2);
    await revoke(registry, 'old');
    expect(await numberOf('site-b')).toBe(3);
    expect(readRegistry(await readFile(registry, 'utf8'), file)).toMatchObject({
      registry: { sites: [{ site: 'old', number: 2, revoked: true }, { site: 'site-a' }, { number: 3 }] },
    });
  }
});

test('a site gets a new key and access, revoked or not, and keeps what else it has', async () => {
  for (const file of ['registry.yaml', 'registry.json']) {
    const registry = join(folder, file);
    if (file.endsWith('json')) await writeFile(registry, '{"sites": []}');
    const at = (out: string, more: object = {}) =>
      order('site-a', { registry, out: join(folder, file + out), ...more });
    const first = await enroll(at('-old', { points: [pointOf(1)] }));
    await revoke(registry, 'site-a');
    const { line } = await renew(at('-new'));
    expect(line).toMatchObject({ number: first.line.number, senders: first.line.senders, points: [pointOf(1)] });
    const key = hostSigner(await readFile(join(folder, `${file}-new`, 'site.key'), 'utf8')).publicKey;
    expect(key).not.toBe(first.line.key);
    const { registry: read } = Object(readRegistry(await readFile(registry, 'utf8'), file));
    expect(read.sites).toEqual([{ ...line, key, revoked: false }]);
    await renew(at('-certificate', { csr: true }));
    expect(await readFile(registry, 'utf8')).not.toContain('password');
    await expect(renew(order('nobody', { registry }))).rejects.toThrow('has no site "nobody"');
  }
});

test('beside a relay with a broker inside the site is told to speak MQTT 3.1.1', async () => {
  expect(parse((await enroll(order('site-a'))).uplink).uplink.broker).not.toHaveProperty('mqtt');
  await writeFile(join(folder, 'relay.yaml'), 'relay: centre-1\nembeddedBroker:\n  port: 1883\n');
  expect(parse((await enroll(order('site-b'))).uplink).uplink.broker).toMatchObject({ mqtt: '3.1.1' });
});

test('points are entered, given anew, and given to two sites of one sender never; a site file tells its own', async () => {
  const [first, second] = [pointOf(1), pointOf(2)];
  for (const file of ['registry.yaml', 'registry.json']) {
    const registry = join(folder, file);
    if (file.endsWith('json')) await writeFile(registry, '{"sites": []}');
    const at = (site: string, more: object) => order(site, { registry, out: join(folder, `${file}-${site}`), ...more });
    await enroll(at('site-a', { points: [first] }));
    await expect(enroll(at('site-b', { points: [second, first] }))).rejects.toThrow(`point ${first} is site-a's`);
    await enroll(at('site-c', { points: [first], senders: ['27XCEZ-INTRA---M'] }));
    await enroll(at('site-b', {}));
    await expect(givePoints(registry, 'site-b', [first])).rejects.toThrow(`point ${first} is site-a's`);
    await expect(givePoints(registry, 'site-b', ['27ZG'])).rejects.toThrow('is no point');
    await givePoints(registry, 'site-a', [second]);
    await givePoints(registry, 'site-b', [first]);
    const read = readRegistry(await readFile(registry, 'utf8'), file);
    const points = read.kind === 'registry' ? read.registry.sites.map((line) => line.points) : read.text;
    expect(points).toEqual([[second], [first], [first]]);
  }
  const siteFile = join(folder, 'site.yaml');
  await writeFile(siteFile, stringify({ site: 'a', points: [{ code: first, commodity: 'gas' }, { code: second }] }));
  expect(await pointsOfSiteFile(siteFile)).toEqual([first, second]);
});

test('a site or a number that stands in the registry twice is told with its line', async () => {
  const line = (site: string, number: number, sender = '27XG-CENTROPOL-P') => ({
    site,
    number,
    key: 'K'.repeat(43),
    senders: [sender],
  });
  const said = (...sites: object[]) => {
    const text = `{"sites": [\n${sites.map((each) => JSON.stringify(each)).join(',\n')}]}`;
    const read = readRegistry(text, 'registry.json');
    return read.kind === 'problems' ? read.text : 'good';
  };
  expect(said(line('a', 1), line('b', 2), line('c', 1, '27XCEZ-INTRA---M'))).toBe('good');
  expect(said(line('a', 1), line('b', 1))).toMatch(/registry\.json:3:.*number 1 for 27XG-CENTROPOL-P a second time/);
  expect(said(line('a', 1), line('a', 2))).toMatch(/registry\.json:3:.*"a" a second time/);
});

test('a name that is taken, reserved or wrong is refused, and nothing is written', async () => {
  await enroll(order('site-a'));
  await writeFile(join(folder, 'relay.yaml'), 'relay: centre-1\nkey: relay.key\n');
  const before = await readFile(join(folder, 'registry.yaml'), 'utf8');
  for (const wrong of [
    order('site-a', { out: join(folder, 'other') }),
    order('relay'),
    order('staff'),
    order('centre-1'),
    order('Site A'),
    order('site-a'),
  ])
    await expect(enroll(wrong)).rejects.toThrow(OdecetError);
  expect(await readFile(join(folder, 'registry.yaml'), 'utf8')).toBe(before);
  expect(await readFile(join(folder, 'passwords'), 'utf8')).not.toMatch(/^(relay|staff|centre-1):/m);
});

test('a wrong name is told as what was typed, not as a line that nobody wrote', async () => {
  await enroll(order('site-a'));
  await expect(enroll(order('foo_bar'))).rejects.toMatchObject({
    failure: { code: 'usage', detail: expect.stringMatching(/^"foo_bar" is no name of a site: lower-case letters/) },
  });
});

test('of six who enroll at once, each is in the registry and the password file, with a number of its own', async () => {
  await writeFile(join(folder, 'passwords'), '# ours\n', { mode: 0o640 });
  const sites = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `site-${letter}`);
  await Promise.all(sites.map((site) => enroll(order(site))));
  const lines: { site: string; number: number }[] = parse(await readFile(join(folder, 'registry.yaml'), 'utf8')).sites;
  expect(lines.map(({ site }) => site).sort()).toEqual(sites);
  expect(lines.map(({ number }) => number).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
  const passwords = await readFile(join(folder, 'passwords'), 'utf8');
  for (const site of sites) expect(passwords).toContain(`\n${site}:$7$`);
  expect((await stat(join(folder, 'passwords'))).mode & 0o777).toBe(0o640);
});

test('a certificate request names the site', async () => {
  await enroll(order('site-c', { csr: true }));
  const found = spawnSync('openssl', [
    'req',
    '-in',
    join(folder, 'site-c', 'broker.csr'),
    '-noout',
    '-verify',
    '-subject',
  ]);
  if (found.error) return;
  expect(String(found.stdout)).toMatch(/CN ?= ?site-c/);
});

describe.skipIf(!hasMosquitto)('the shipped access list on Mosquitto (skipped where it is not installed)', () => {
  let mosquitto: Mosquitto;
  let open: BrokerSession[];
  beforeEach(async () => {
    for (const site of ['site-a', 'site-b']) await enroll(order(site));
    // As docs/relay.md says it for whoever is no site.
    execFileSync('mosquitto_passwd', ['-b', join(folder, 'passwords'), 'staff', 'look'], {
      env: { ...process.env, PATH },
    });
    mosquitto = await startMosquitto({
      anonymous: false,
      files: { acl: shipped('odecet.acl'), passwords: await readFile(join(folder, 'passwords'), 'utf8') },
      more: ['allow_anonymous false', 'acl_file FOLDER/acl', 'password_file FOLDER/passwords'],
    });
    open = [];
  });
  afterEach(async () => {
    await Promise.all(open.map((session) => session.close()));
    await mosquitto.stop();
  });

  async function connect(user: string, password: string, subscriptions: readonly string[] = []) {
    const heard: Delivered[] = [];
    const broker = mqttBroker({ url: mosquitto.url, protocolVersion: 4, username: user, password });
    const onMessage = async (delivered: Delivered) => void heard.push(delivered);
    const session = await broker.connect({ clientId: `test-${user}`, clean: true, subscriptions, onMessage });
    open.push(session);
    return { session, heard };
  }

  test('a site is heard on its own topics only, and hears only what is for it', async () => {
    const staff = await connect('staff', 'look', ['odecet/1/#']);
    const a = await connect('site-a', await passwordOf('site-a'), ['odecet/1/#']);
    const b = await connect('site-b', await passwordOf('site-b'));
    for (const what of ['state', 'status', 'alert/x'] as const) {
      await b.session.publish({ topic: topicOf('site-b', what), payload: bytes('own') });
      await b.session.publish({ topic: topicOf('site-a', what), payload: bytes('forged') });
    }
    await b.session.publish({ topic: topicOf('site-a', 'down'), payload: bytes('forged') });
    await staff.session.publish({ topic: topicOf('site-a', 'command'), payload: bytes('forged') });
    await until(() => staff.heard.length >= 3, 5_000, 'staff hear site-b');
    await clock.sleep(200);
    expect(staff.heard.map(({ payload }) => new TextDecoder().decode(payload))).toEqual(['own', 'own', 'own']);
    expect(a.heard).toEqual([]);
  });

  test('a wrong password is refused', async () => {
    await expect(connect('site-a', 'guess')).rejects.toMatchObject({ failure: { code: 'broker-refused' } });
  });
});

describe('the broker inside the relay', () => {
  let centre: Centre;
  let stop: () => Promise<void>;
  let url: string;
  beforeEach(async () => {
    centre = await layOutCentre({ sites: 2, brokerUrl: 'mqtt://127.0.0.1:1' });
    for (const n of [0, 1]) await enroll(order(siteName(n)));
    const lines = parse(await readFile(join(folder, 'registry.yaml'), 'utf8')).sites as { password: string }[];
    await centre.writeRegistry((all) => all.map((line, n) => ({ ...line, password: lines[n]!.password })));
    const probe = await startEmbeddedBroker({
      host: '127.0.0.1',
      port: 0,
      rights: { isKnown: () => false, maySay: () => false, mayHear: () => false },
    });
    await probe.close();
    url = `mqtt://127.0.0.1:${probe.port}`;
    await writeFile(join(centre.rehearsal.folder, 'staff.password'), 'look\n');
    const embeddedBroker = { port: probe.port, staffPasswordFile: 'staff.password' };
    ({ stop } = await startRelay(await centre.relayFile('centre-1', { embeddedBroker }), undefined, true));
  });
  afterEach(async () => {
    await stop();
    await centre.remove();
  });

  const site = async (n: number) =>
    startSite(centre, n, [messageOf(n, 0)], {
      brokerUrl: url,
      protocolVersion: 4,
      username: siteName(n),
      password: await passwordOf(siteName(n)),
    });

  test('a message is accepted, and staff see the site', async () => {
    const one = await site(0);
    await until(() => allEmpty([one]), 20_000, 'the outbox is empty');
    expect(counted(await centre.entries())).toEqual({ accepted: 1, doubled: 0, rejected: 0 });
    const view = createSiteView();
    const staff = await mqttBroker({ url, protocolVersion: 4, username: 'staff', password: 'look' }).connect({
      clientId: 'staff',
      clean: true,
      subscriptions: view.filters,
      onMessage: async (delivered) => view.told(delivered),
    });
    await until(
      () => view.sites().some(({ site: name, state }) => name === siteName(0) && state === 'ready'),
      5_000,
      'seen',
    );
    await one.stop();
    await until(() => view.sites().some(({ state }) => state === 'disconnected'), 5_000, 'its leave is seen');
    await staff.close();
  }, 40_000);

  test('a revoked site can no longer speak, connected or not', async () => {
    const registry = centre.registryFile;
    await revoke(registry, siteName(1));
    await clock.sleep(1_000);
    const connecting = mqttBroker({
      url,
      protocolVersion: 4,
      username: siteName(1),
      password: await passwordOf(siteName(1)),
    }).connect({ clientId: 'x', clean: true, subscriptions: [], onMessage: async () => undefined });
    await expect(connecting).rejects.toMatchObject({ failure: { code: 'broker-refused' } });
  }, 20_000);
});

test('who speaks MQTT 5 to the embedded broker is told what to write', async () => {
  const rights = { isKnown: () => true, maySay: () => true, mayHear: () => true };
  const broker = await startEmbeddedBroker({ host: '127.0.0.1', port: 0, rights });
  const hello = { clientId: 'x', clean: true, subscriptions: [], onMessage: async () => undefined };
  const speaking = mqttBroker({ url: `mqtt://127.0.0.1:${broker.port}`, protocolVersion: 5 });
  await expect(speaking.connect(hello)).rejects.toThrow('write mqtt: "3.1.1" below "broker:"');
  await broker.close();
});

test('the embedded broker acknowledges only what its program has dealt with', async () => {
  const broker = await startEmbeddedBroker({
    host: '127.0.0.1',
    port: 0,
    rights: { isKnown: () => true, maySay: () => true, mayHear: () => true },
  });
  let finish: () => void = () => undefined;
  const dealt = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const inside = await broker.broker.connect({
    clientId: 'relay',
    clean: true,
    subscriptions: ['odecet/1/+/up'],
    onMessage: () => dealt,
  });
  const outside = await mqttBroker({
    url: `mqtt://127.0.0.1:${broker.port}`,
    protocolVersion: 4,
    username: 'u',
    password: 'p',
  }).connect({ clientId: 's', clean: true, subscriptions: [], onMessage: async () => undefined });
  let isAcknowledged = false;
  const publishing = outside.publish({ topic: 'odecet/1/s/up', payload: bytes('x') }).then(() => {
    isAcknowledged = true;
  });
  await clock.sleep(200);
  expect(isAcknowledged).toBe(false);
  finish();
  await publishing;
  await outside.close();
  await inside.close();
  await broker.close();
});
