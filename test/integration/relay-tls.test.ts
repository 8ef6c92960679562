import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Mosquitto, startMosquitto } from '../../scripts/rehearsal/mosquitto.ts';
import { freePorts } from '../../scripts/rehearsal/processes.ts';
import { loadBroker } from '../../src/app/broker.ts';
import { enroll, revoke } from '../../src/app/enroll.ts';
import { type BrokerConfig, brokerSchema } from '../../src/device/site.ts';
import { hostLog } from '../../src/host/log.ts';
import { loadSigner } from '../../src/host/signer.ts';
import type { BrokerSession, Delivered } from '../../src/machine/broker.ts';
import { packEnvelope } from '../../src/uplink/relay/protocol.ts';
import { topicOf } from '../../src/uplink/relay/topics.ts';
import {
  allEmpty,
  type Centre,
  clock,
  codec,
  counted,
  layOutCentre,
  messageOf,
  SENDER,
  siteName,
  startRelay,
  startSite,
  until,
} from '../kit/centre.ts';

/** The shipped Mosquitto configuration, with certificates by openssl: TLS, certificates and passwords, and who may say what. */
// Numbers are given from 1, and the ids of messageOf end with them.
const [BY_CERTIFICATE, BY_PASSWORD] = [siteName(1), siteName(2)];
const CENTRE = ['relay', 'staff'];
const shipped = (name: string) => readFileSync(new URL(`../../systemd/mosquitto/${name}`, import.meta.url), 'utf8');
const bytes = (text: string) => new TextEncoder().encode(text);

let folder: string;
let mosquitto: Mosquitto;
let centre: Centre;
let ports: { readonly centre: number; readonly password: number; readonly certificate: number };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odecet-tls-'));
  centre = await layOutCentre({ sites: 3, brokerUrl: 'mqtt://127.0.0.1:1' });
  makeAuthority('ca', 'Test broker authority');
  makeAuthority('stranger', 'Test broker authority');
  request('server', 'localhost');
  certify('server', 'ca', 'subjectAltName=DNS:localhost');
  // As docs/relay.md says it for whoever is no site.
  for (const user of CENTRE) {
    const create = user === CENTRE[0] ? ['-c'] : [];
    execFileSync('mosquitto_passwd', [...create, '-b', 'centre.passwords', user, `${user}s own`], { cwd: folder });
    await writeFile(join(folder, `${user}.password`), `${user}s own\n`);
  }
  const order = { registry: centre.registryFile, senders: [SENDER], mosquittoPasswords: join(folder, 'passwords') };
  await rm(centre.registryFile);
  await enroll({ ...order, site: BY_CERTIFICATE, out: join(folder, BY_CERTIFICATE), csr: true });
  await enroll({ ...order, site: BY_PASSWORD, out: join(folder, BY_PASSWORD), csr: false });
  certify(`${BY_CERTIFICATE}/broker`, 'ca');
  const [atCentre = 0, password = 0, certificate = 0] = await freePorts(3);
  ports = { centre: atCentre, password, certificate };
  mosquitto = await startMosquitto({ anonymous: false, files: await brokerFiles(), more: shippedLines() });
}, 60_000);
afterAll(async () => {
  await mosquitto.stop();
  await centre.remove();
  await rm(folder, { recursive: true });
});

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

function makeAuthority(name: string, commonName: string): void {
  const to = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  openssl('req', '-x509', ...NEW_KEY, ...to, '-subj', `/CN=${commonName}`, '-days', '2');
}

function request(name: string, commonName: string): void {
  openssl('req', ...NEW_KEY, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${commonName}`);
}

function certify(name: string, authority: string, extension?: string, to = name): void {
  const by = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial', '-days', '2'];
  const more = extension === undefined ? [] : ['-extfile', extensionFile(extension)];
  openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${to}.crt`, ...by, ...more);
}

function extensionFile(text: string): string {
  execFileSync('sh', ['-c', 'printf %s "$0" > extension', text], { cwd: folder });
  return 'extension';
}

async function brokerFiles(): Promise<Record<string, string>> {
  const read = (name: string) => readFile(join(folder, name), 'utf8');
  return {
    'odecet.acl': shipped('odecet.acl'),
    'odecet.passwords': await read('passwords'),
    'odecet-centre.passwords': await read('centre.passwords'),
    'odecet-ca.crt': await read('ca.crt'),
    'odecet-broker.crt': await read('server.crt'),
    'odecet-broker.key': await read('server.key'),
  };
}

/** As it is, but for its folders and ports and what the test's own file says already. */
function shippedLines(at = ports): string[] {
  return shipped('odecet.conf')
    .replaceAll('/etc/mosquitto', 'FOLDER')
    .replace('listener 8882', `listener ${at.centre} 127.0.0.1`)
    .replace('listener 8883', `listener ${at.password} 127.0.0.1`)
    .replace('listener 8884', `listener ${at.certificate} 127.0.0.1`)
    .split('\n')
    .filter(
      (line) =>
        !/^(persistence|persistence_location|autosave_interval|max_inflight_messages|max_queued_messages) /.test(line),
    );
}

function configOf(port: number, parts: object = {}, host = 'localhost'): BrokerConfig {
  return brokerSchema.parse({ url: `mqtts://${host}:${port}`, tls: { trust: ['ca.crt'] }, ...parts });
}

const withCertificate = (name = `${BY_CERTIFICATE}/broker`, trust = 'ca.crt') =>
  configOf(ports.certificate, { tls: { trust: [trust], certificate: `${name}.crt`, key: `${name}.key` } });
const asCentre = (username: string) => configOf(ports.centre, { username, passwordFile: `${username}.password` });
const withPassword = (parts: object = {}, host?: string) =>
  configOf(ports.password, { passwordFile: `${BY_PASSWORD}/broker.password`, ...parts }, host);

async function connect(
  config: BrokerConfig,
  name: string,
  subscriptions: readonly string[] = [],
  { clientId = `test-${name}`, clean = true } = {},
) {
  const heard: Delivered[] = [];
  const { broker } = await loadBroker(config, name, folder);
  const onMessage = async (delivered: Delivered) => void heard.push(delivered);
  const session = await broker.connect({ clientId, clean, subscriptions, onMessage });
  return { session, heard };
}

describe('who is let in', () => {
  test.each([
    ['a certificate, MQTT 5', () => withCertificate(), BY_CERTIFICATE],
    ['a certificate, MQTT 3.1.1', () => ({ ...withCertificate(), mqtt: '3.1.1' as const }), BY_CERTIFICATE],
    ['a password, MQTT 5', () => withPassword(), BY_PASSWORD],
    ['a password, MQTT 3.1.1', () => withPassword({ mqtt: '3.1.1' }), BY_PASSWORD],
  ])('%s: a site is heard on its own topics only', async (_, config, site) => {
    const relay = await connect(asCentre('relay'), 'relay', ['odecet/1/+/up', 'odecet/1/+/state']);
    const { session } = await connect(config(), site);
    // MQTT 5 says that it is not allowed, 3.1.1 only does nothing.
    for (const name of [BY_CERTIFICATE, BY_PASSWORD, 'relay'])
      for (const what of ['up', 'state'] as const)
        await session
          .publish({ topic: topicOf(name, what), payload: bytes(`${site} to ${name}`) })
          .catch((error: unknown) => expect(error).toMatchObject({ failure: { code: 'broker-refused' } }));
    await until(() => relay.heard.length >= 2, 5_000, 'the relay hears');
    await clock.sleep(200);
    const topics = relay.heard.map(({ topic }) => topic).sort();
    expect(topics).toEqual([topicOf(site, 'state'), topicOf(site, 'up')]);
    await Promise.all([session.close(), relay.session.close()]);
  });

  test('a site hears nothing that is for another', async () => {
    const relay = await connect(asCentre('relay'), 'relay');
    const site = await connect(withCertificate(), BY_CERTIFICATE, ['odecet/1/#']);
    for (const name of [BY_PASSWORD, BY_CERTIFICATE])
      await relay.session.publish({ topic: topicOf(name, 'down'), payload: bytes(name) });
    await until(() => site.heard.length > 0, 5_000, 'its own');
    await clock.sleep(200);
    expect(site.heard.map(({ topic }) => topic)).toEqual([topicOf(BY_CERTIFICATE, 'down')]);
    await Promise.all([site.session.close(), relay.session.close()]);
  });
});

describe('who is not', () => {
  test('a broker whose certificate is by an authority that we do not trust', async () => {
    const config = withPassword({ tls: { trust: ['stranger.crt'] } });
    await expect(connect(config, BY_PASSWORD)).rejects.toThrow(/certificate|signature/i);
  });

  test('a broker whose certificate is for another name', async () => {
    await expect(connect(withPassword({}, '127.0.0.1'), BY_PASSWORD)).rejects.toThrow(/altnames|does not match/);
  });

  test('a client without a certificate, and one with another authority’s', async () => {
    await expect(connect(configOf(ports.certificate), BY_CERTIFICATE)).rejects.toThrow();
    await writeFile(join(folder, 'forged.key'), await readFile(join(folder, BY_CERTIFICATE, 'broker.key')));
    certify(`${BY_CERTIFICATE}/broker`, 'stranger', undefined, 'forged');
    await expect(connect(withCertificate('forged'), BY_CERTIFICATE)).rejects.toThrow();
  });

  test('a wrong password, another site’s password, and a plain connection', async () => {
    await writeFile(join(folder, 'wrong.password'), 'guess');
    const refused = { failure: { code: 'broker-refused' } };
    await expect(connect(withPassword({ passwordFile: 'wrong.password' }), BY_PASSWORD)).rejects.toMatchObject(refused);
    await expect(connect(withPassword(), BY_CERTIFICATE)).rejects.toMatchObject(refused);
    const plain = brokerSchema.parse({ url: `mqtt://localhost:${ports.password}` });
    await expect(connect(plain, BY_PASSWORD)).rejects.toMatchObject({ failure: { code: 'broker-unreachable' } });
  });
});

test('a refusal names the user, and the topic that it may not say', async () => {
  const { session } = await connect(asCentre('staff'), 'staff');
  const saying = session.publish({ topic: topicOf('centre-1', 'state'), payload: bytes('ready') });
  await expect(saying).rejects.toMatchObject({
    failure: {
      code: 'broker-refused',
      detail: expect.stringMatching(/^user "staff" may not say odecet\/1\/centre-1\/state /),
    },
  });
  await session.close();
  await expect(connect({ ...asCentre('relay'), username: 'centre-1' }, 'centre-1')).rejects.toMatchObject({
    failure: { code: 'broker-refused', detail: expect.stringContaining('does not let in user "centre-1"') },
  });
});

describe('whose session it is', () => {
  const isOver = (session: BrokerSession) => Promise.race([session.ended.then(() => true), clock.sleep(500)]);
  const sites = [
    ['a password', () => withPassword(), BY_PASSWORD],
    ['a certificate', () => withCertificate(), BY_CERTIFICATE],
  ] as const;

  test.each(sites)('a site with %s takes nobody off the broker by using his client id', async (_, config, site) => {
    const clientId = 'odecet-relay-centre-1';
    const relay = await connect(asCentre('relay'), 'relay', ['odecet/1/+/up'], { clientId, clean: false });
    const other = site === BY_PASSWORD ? BY_CERTIFICATE : BY_PASSWORD;
    const away = await connect(other === BY_PASSWORD ? withPassword() : withCertificate(), other);
    for (const taken of [clientId, `test-${other}`, other]) {
      const { session } = await connect(config(), site, [], { clientId: taken });
      expect([await isOver(relay.session), await isOver(away.session)]).toEqual([undefined, undefined]);
      await session.close();
    }
    await Promise.all([relay.session.close(), away.session.close()]);
  });

  test('a site’s password or certificate is nothing to the centre’s listener', async () => {
    const { passwordFile } = withPassword();
    const refused = { failure: { code: 'broker-refused' } };
    await expect(connect(configOf(ports.centre, { passwordFile }), BY_PASSWORD)).rejects.toMatchObject(refused);
    const certified = { ...withCertificate(), url: `mqtts://localhost:${ports.centre}` };
    await expect(connect(certified, BY_CERTIFICATE)).rejects.toMatchObject(refused);
  });

  test.each(sites)(
    'what comes for a site with %s while it is away waits for it, also through a restart',
    async (_, config, site) => {
      const down = topicOf(site, 'down');
      const kept = { clientId: `odecet-site-${site}`, clean: false };
      await (await connect(config(), site, [down], kept)).session.close();
      const relay = await connect(asCentre('relay'), 'relay');
      await relay.session.publish({ topic: down, payload: bytes('a receipt') });
      await relay.session.publish({ topic: topicOf(site, 'state'), payload: bytes('lost'), retain: true });
      await relay.session.close();
      // It writes down what it holds every second.
      await clock.sleep(2_500);
      await mosquitto.kill();
      await mosquitto.start();
      const back = await connect(config(), site, [], kept);
      await until(() => back.heard.length > 0, 5_000, 'what was kept');
      expect(back.heard.map(({ payload }) => new TextDecoder().decode(payload))).toEqual(['a receipt']);
      const staff = await connect(asCentre('staff'), 'staff', [topicOf(site, 'state')]);
      await until(() => staff.heard.length > 0, 5_000, 'what was retained');
      await Promise.all([back.session.close(), staff.session.close()]);
    },
  );
});

describe('what a site’s password is not good for', () => {
  const thief = (subscriptions: readonly string[] = []) => connect(withPassword(), BY_PASSWORD, subscriptions);

  test('hearing anybody else, or the broker itself, under whatever filter', async () => {
    const filters = ['#', '+/#', '$SYS/#', 'odecet/1/+/down', `$share/x/${topicOf(BY_CERTIFICATE, 'down')}`];
    const { session, heard } = await thief(filters);
    const relay = await connect(asCentre('relay'), 'relay');
    await relay.session.publish({ topic: topicOf(BY_CERTIFICATE, 'down'), payload: bytes('receipt'), retain: true });
    await relay.session.publish({ topic: topicOf(BY_CERTIFICATE, 'command'), payload: bytes('command') });
    await relay.session.publish({ topic: topicOf(BY_PASSWORD, 'down'), payload: bytes('own') });
    await until(() => heard.length > 0, 5_000, 'its own');
    await clock.sleep(300);
    expect(new Set(heard.map(({ payload }) => new TextDecoder().decode(payload)))).toEqual(new Set(['own']));
    const nothing = { topic: topicOf(BY_CERTIFICATE, 'down'), payload: bytes(''), retain: true };
    await relay.session.publish(nothing);
    await Promise.all([session.close(), relay.session.close()]);
  });

  test('alerts, a state or a status of another, retained or as a last will; the word of a relay', async () => {
    const staff = await connect(
      asCentre('staff'),
      'staff',
      ['state', 'status', 'alert/+'].map((what) => `odecet/1/+/${what}`),
    );
    const { session } = await thief();
    const others = [BY_CERTIFICATE, 'relay', 'centre-1'].flatMap((name) =>
      ['alert/x', 'state', 'status', 'down', 'command'].map((what) => `odecet/1/${name}/${what}`),
    );
    const own = ['down', 'command'].map((what) => `odecet/1/${BY_PASSWORD}/${what}`);
    for (const topic of [...others, ...own, 'odecet/1/relay/here', `odecet/1/${BY_PASSWORD}/alert/x/y`])
      await expect(session.publish({ topic, payload: bytes('forged'), retain: true }), topic).rejects.toThrow(
        'may not',
      );
    await session.close();
    const raw = await mqtt.connectAsync(`mqtts://localhost:${ports.password}`, {
      ca: [await readFile(join(folder, 'ca.crt'))],
      username: BY_PASSWORD,
      password: (await readFile(join(folder, BY_PASSWORD, 'broker.password'), 'utf8')).trim(),
      reconnectPeriod: 0,
      will: { topic: topicOf(BY_CERTIFICATE, 'state'), payload: bytes('lost') as Buffer, retain: true, qos: 1 },
    });
    raw.stream.destroy();
    await clock.sleep(500);
    // What earlier tests left retained is not new.
    expect(staff.heard.filter(({ retained }) => !retained).map(({ topic }) => topic)).toEqual([]);
    await staff.session.close();
  });

  test('a packet that is too long: it is cut off before it is sent, and nobody else is', async () => {
    const relay = await connect(asCentre('relay'), 'relay');
    const { session } = await thief();
    const long = session.publish({ topic: topicOf(BY_PASSWORD, 'up'), payload: new Uint8Array(300_000) });
    await expect(long).rejects.toThrow();
    const raw = await mqtt.connectAsync(`mqtts://localhost:${ports.password}`, {
      ca: [await readFile(join(folder, 'ca.crt'))],
      username: BY_PASSWORD,
      password: (await readFile(join(folder, BY_PASSWORD, 'broker.password'), 'utf8')).trim(),
      reconnectPeriod: 0,
    });
    const cut = new Promise<void>((resolve) => raw.once('close', () => resolve()));
    raw.on('error', () => undefined);
    // A publication of 200 MB, of which nothing but the announcement is sent.
    raw.stream.write(Uint8Array.from([0x32, 0x80, 0x80, 0x80, 0x60]));
    await Promise.race([cut, clock.sleep(5_000).then(() => Promise.reject(new Error('it was not cut off')))]);
    await relay.session.publish({ topic: topicOf(BY_CERTIFICATE, 'down'), payload: bytes('still here') });
    await Promise.all([session.close(), relay.session.close()]);
  });
});

test('who is taken from the broker’s passwords is cut off at once, connected or not; nobody else is', async () => {
  // A broker of its own: Mosquitto 2.0.11 was seen to abort some time after it was restarted and then reloaded twice.
  const [atCentre = 0, password = 0, certificate = 0] = await freePorts(3);
  const lines = shippedLines({ centre: atCentre, password, certificate });
  const own = await startMosquitto({ anonymous: false, files: await brokerFiles(), more: lines });
  const at = (port: number, config: BrokerConfig) => ({ ...config, url: `mqtts://localhost:${port}` });
  const gone = await connect(at(password, withPassword()), BY_PASSWORD);
  const stays = await connect(at(certificate, withCertificate()), BY_CERTIFICATE);
  execFileSync('mosquitto_passwd', ['-D', join(own.folder, 'odecet.passwords'), BY_PASSWORD]);
  own.reload();
  const ended = gone.session.ended.then(() => true);
  expect(await Promise.race([ended, clock.sleep(5_000)])).toBe(true);
  const refused = { failure: { code: 'broker-refused' } };
  await expect(connect(at(password, withPassword()), BY_PASSWORD)).rejects.toMatchObject(refused);
  await stays.session.publish({ topic: topicOf(BY_CERTIFICATE, 'state'), payload: bytes('ready') });
  await stays.session.close();
  await own.stop();
});

describe('the whole way over TLS', () => {
  let stop: () => Promise<void>;
  beforeAll(async () => {
    const at = (name: string) => join(folder, name);
    const broker = { ...asCentre('relay'), passwordFile: at('relay.password'), tls: { trust: [at('ca.crt')] } };
    const log = hostLog({ level: 'info', to: { file: at('relay.log') } });
    ({ stop } = await startRelay(await centre.relayFile('centre-1', { broker }), log));
  });
  afterAll(() => stop());

  test('the relay tells at its start by which key its receipts are signed', async () => {
    const lineOf = async () => (await readFile(join(folder, 'relay.log'), 'utf8')).match(/.*relay-ready.*/)?.[0];
    await until(async () => (await lineOf()) !== undefined, 10_000, 'the relay is ready');
    expect(JSON.parse((await lineOf())!)).toMatchObject({ relay: 'centre-1', signedBy: centre.relayKey });
  });

  test.each([
    ['a certificate', 1, () => withCertificate(), '5'],
    ['a password', 2, () => withPassword(), '3.1.1'],
  ] as const)(
    'a message of a site with %s is accepted once',
    async (_, n, config, mqtt) => {
      const site = siteName(n);
      const { broker } = await loadBroker({ ...config(), mqtt }, site, folder);
      const signer = await loadSigner(join(folder, site, 'site.key'));
      const enrolled = { ...centre, signers: new Map([[site, signer]]) };
      const running = startSite(enrolled, n, [messageOf(n, 0)], { brokerUrl: '', broker });
      await until(() => allEmpty([running]), 30_000, 'the outbox is empty');
      const mine = (await centre.entries()).filter(({ id }) => id === messageOf(n, 0).id);
      expect(counted(mine)).toEqual({ accepted: 1, doubled: 0, rejected: 0 });
      await running.stop();
    },
    60_000,
  );

  test('a site that joins what relays share takes no message of another off them', async () => {
    const joined = await connect(withPassword(), BY_PASSWORD, ['$share/odecet-relay/odecet/1/+/up']);
    const down = topicOf(BY_CERTIFICATE, 'down');
    const { session, heard } = await connect(withCertificate(), BY_CERTIFICATE, [down]);
    const signer = await loadSigner(join(folder, BY_CERTIFICATE, 'site.key'));
    // Each is said once only: a site would say it again, and be late.
    for (let day = 10; day < 20; day++) {
      const payload = packEnvelope(messageOf(1, day), BY_CERTIFICATE, signer, codec);
      await session.publish({ topic: topicOf(BY_CERTIFICATE, 'up'), payload });
    }
    const stored = () => heard.filter(({ payload }) => new TextDecoder().decode(payload).includes('"stage":"stored"'));
    await until(() => stored().length === 10, 20_000, 'ten receipts');
    expect(joined.heard).toEqual([]);
    await Promise.all([session.close(), joined.session.close()]);
  }, 40_000);

  test('a site that is revoked while it is connected is refused at once', async () => {
    const { session, heard } = await connect(withPassword(), BY_PASSWORD, [topicOf(BY_PASSWORD, 'down')]);
    const signer = await loadSigner(join(folder, BY_PASSWORD, 'site.key'));
    const say = (day: number) =>
      session.publish({
        topic: topicOf(BY_PASSWORD, 'up'),
        payload: packEnvelope(messageOf(2, day), BY_PASSWORD, signer, codec),
      });
    const told = (word: string) => heard.some(({ payload }) => new TextDecoder().decode(payload).includes(word));
    await say(1);
    await until(() => told('"stage":"accepted"'), 30_000, 'accepted');
    await revoke(centre.registryFile, BY_PASSWORD);
    await clock.sleep(1_000);
    await say(2);
    await until(() => told('revoked-site'), 5_000, 'refused');
    expect((await centre.entries()).filter(({ id }) => id === messageOf(2, 2).id)).toEqual([]);
    await session.close();
  }, 60_000);
});
