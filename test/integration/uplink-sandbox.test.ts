import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Message } from '../../src/core/message.ts';
import { hostClock } from '../../src/host/clock.ts';
import { hostEntropy } from '../../src/host/entropy.ts';
import { hostHttp } from '../../src/host/http.ts';
import { hostSealCrypto } from '../../src/host/seal-crypto.ts';
import { hostCodec } from '../../src/host/signer.ts';
import type { Http } from '../../src/machine/http.ts';
import type { Seal } from '../../src/machine/sealer.ts';
import { readAnswer } from '../../src/message/answer.ts';
import {
  ELECTRICITY_POINT,
  electricityPack,
  GAS_POINTS,
  gasPack,
  madeXml,
  pointDay,
  requestOf,
} from '../../src/message/message.testkit.ts';
import { acceptedCsv } from '../../src/sandbox/accepted.ts';
import type { FaultKind } from '../../src/sandbox/faults.ts';
import {
  DAY,
  electricityMessage,
  gasMessage,
  makeRehearsal,
  type Rehearsal,
} from '../../src/sandbox/sandbox.testkit.ts';
import { checkedDocument } from '../../src/sandbox/seal-check.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/server.ts';
import { canonical } from '../../src/uplink/canonical.ts';
import { type DirectDeps, deliver } from '../../src/uplink/direct.ts';
import { createEnvelopes, type Envelopes } from '../../src/uplink/envelopes.ts';
import { plainSealer } from '../../src/uplink/sealer.ts';
import { createSender } from '../../src/uplink/sender.ts';
import { openBody } from '../../src/uplink/soap.ts';
import { memoryOutbox, quietLog } from '../../src/uplink/uplink.testkit.ts';
import { verifyEnvelope } from '../../src/uplink/verify.ts';
import { sealEnvelope, WSU } from '../../src/uplink/ws-security.ts';

/** The real uplink over real TLS to the real sandbox, both in this process. */
const clock = hostClock();
const entropy = hostEntropy();
/** Volume and energy of the 23 hours of 2026-03-28. */
const GAS_ROWS = 46;

let rehearsal: Rehearsal;
let sandbox: Sandbox;
let http: Http;
let started = 0;

beforeAll(async () => {
  rehearsal = await makeRehearsal();
  const { certificatePem, keyPem } = rehearsal.client;
  http = hostHttp({ trustPem: [rehearsal.authorityPem], certificatePem, keyPem });
});
afterAll(async () => {
  await http.close();
  await rehearsal.remove();
});
beforeEach(async () => {
  sandbox = await start(join(rehearsal.folder, `data-${++started}`));
});
afterEach(() => sandbox.close());

function start(folder: string, port = 0): Promise<Sandbox> {
  return startSandbox({ ...rehearsal.config, folder, port }, { clock, entropy, log: quietLog });
}

function dataFolder(): string {
  return join(rehearsal.folder, `data-${started}`);
}

function envelopesOf(seal: Seal): Envelopes {
  const operatorCertificates = [rehearsal.operatorSeal.certificatePem];
  const sealer = plainSealer(seal, { entropy, crypto: hostSealCrypto(), codec: hostCodec() });
  return createEnvelopes({ sealer, clock, operatorCertificates, timestampWindowMs: 300_000 });
}

function deps(more: Partial<DirectDeps> = {}): DirectDeps {
  return {
    http,
    clock,
    envelopes: envelopesOf(rehearsal.clientSeal),
    url: sandbox.url,
    soapAction: '',
    answerWithinMs: 10_000,
    readAnswer: (xml, message, receivedAt) =>
      readAnswer(message.commodity === 'gas' ? gasPack : electricityPack, xml, message.id, receivedAt),
    ...more,
  };
}

async function acceptedRows(): Promise<number> {
  return (await acceptedCsv(dataFolder())).trimEnd().split('\n').length - 1;
}

async function expectAccepted(message: Message): Promise<void> {
  expect(await deliver(message, deps())).toMatchObject({ outcome: 'answered', receipt: { verdict: 'accepted' } });
}

test('a client of other make, which keeps its connections, is answered as ours is: a day once, an id again as before', async () => {
  const { certificatePem: cert, keyPem: key } = rehearsal.client;
  const dispatcher = new Agent({ connections: 2, connect: { ca: rehearsal.authorityPem, cert, key } });
  const envelopes = envelopesOf(rehearsal.clientSeal);
  const headers = { 'content-type': 'text/xml; charset=utf-8', soapaction: '""' };
  const sent = Array.from({ length: 6 }, async (_, n) => {
    const message = electricityMessage(`0000000000001${n % 3}`);
    const body = await envelopes.sealed(message);
    const { statusCode, body: answer } = await request(sandbox.url, { method: 'POST', headers, body, dispatcher });
    const verified = await envelopes.verified(await answer.text(), clock.now());
    const opened = openBody(verified.ok ? verified.body : verified.failure.detail);
    if (opened.kind !== 'document') throw new Error(`the answer to ${message.id} holds no document`);
    const { verdict } = readAnswer(electricityPack, opened.xml, message.id, clock.now());
    return { id: message.id, statusCode, verdict };
  });
  const answers = await Promise.all(sent);
  await dispatcher.close();
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(6).fill(200));
  // One of the three ids brought the day; the other two would have brought it again.
  const accepted = answers.filter(({ verdict }) => verdict === 'accepted');
  expect(accepted).toHaveLength(2);
  expect(accepted[0]!.id).toBe(accepted[1]!.id);
  expect(await acceptedRows()).toBe(96);
});

test('a gas day and an electricity day are accepted, and every value is in accepted.csv as it was sent', async () => {
  await expectAccepted(gasMessage('00000000000001'));
  await expectAccepted(electricityMessage('00000000000002'));
  const lines = (await acceptedCsv(dataFolder())).trimEnd().split('\n').slice(1);
  const of = (what: string) => lines.filter((line) => line.includes(what));
  expect(lines).toHaveLength(GAS_ROWS + 96);
  expect(of(',m3,')[0]).toBe(`${GAS_POINTS[0]},gas,${DAY}T05:00:00Z,60,1.001,m3,measured`);
  expect(of('electricity')[0]).toBe(`${ELECTRICITY_POINT},electricity,2026-03-27T23:00:00Z,15,1.001,kWh,measured`);
});

test('a double is rejected with its reason in Czech', async () => {
  await expectAccepted(gasMessage('00000000000001'));
  const delivery = await deliver(gasMessage('00000000000002'), deps());
  expect(delivery).toMatchObject({ outcome: 'answered', receipt: { verdict: 'rejected' } });
  expect(delivery.receipt?.reasons[0]?.text).toContain('již obsahuje zpráva č. 00000000000001');
});

const UNKNOWN = { outcome: 'answered', receipt: { verdict: 'unknown' } };

test.each([
  ['soap-fault', { outcome: 'fault', failure: { code: 'operator-fault' } }],
  ['unknown-code', { ...UNKNOWN, failure: { code: 'operator-answer-unknown' } }],
  ['bad-signature', { ...UNKNOWN, failure: { code: 'operator-signature' } }],
  ['lost-answer', { outcome: 'no-answer', failure: { code: 'operator-no-answer' } }],
  ['down', { outcome: 'no-answer', failure: { code: 'operator-no-answer' } }],
] as const)('%s is told for what it is; the same id again is accepted, once', async (kind: FaultKind, expected) => {
  sandbox.faults.add({ kind, times: 1, ms: 0 });
  const message = gasMessage('00000000000001');
  expect(await deliver(message, deps())).toMatchObject(expected);
  await expectAccepted(message);
  expect(await acceptedRows()).toBe(GAS_ROWS);
});

test('an answer that is too slow is no answer; the same id again is accepted, once', async () => {
  const message = gasMessage('00000000000001');
  await expectAccepted(gasMessage('00000000000009', { day: '2026-03-27' }));
  sandbox.faults.add({ kind: 'slow', times: 1, ms: 60_000 });
  expect(await deliver(message, deps({ answerWithinMs: 1_500 }))).toMatchObject({ outcome: 'no-answer' });
  await expectAccepted(message);
  expect(await acceptedRows()).toBe(GAS_ROWS + 48);
});

test('a rejection on demand is final for its id', async () => {
  sandbox.faults.add({ kind: 'reject', times: 1, ms: 0 });
  const message = gasMessage('00000000000001');
  for (const _try of [1, 2]) expect(await deliver(message, deps())).toMatchObject({ receipt: { verdict: 'rejected' } });
  expect(await acceptedRows()).toBe(0);
});

test('after a restart an accepted message gets the same answer again', async () => {
  const message = gasMessage('00000000000001');
  const first = await deliver(message, deps());
  const { port } = sandbox;
  await sandbox.close();
  expect(await deliver(message, deps())).toMatchObject({
    outcome: 'not-sent',
    failure: { code: 'operator-unreachable' },
  });
  sandbox = await start(dataFolder(), port);
  const again = await deliver(message, deps());
  expect(again.receipt?.xml).toBe(first.receipt?.xml);
  expect(await acceptedRows()).toBe(GAS_ROWS);
});

test('without a client certificate, or with a seal that is not registered, nothing is accepted', async () => {
  const message = gasMessage('00000000000001');
  const stranger = hostHttp({ trustPem: [rehearsal.authorityPem] });
  expect((await deliver(message, deps({ http: stranger }))).outcome).not.toBe('answered');
  const unregistered = await deliver(message, deps({ envelopes: envelopesOf(rehearsal.operatorSeal) }));
  expect(unregistered).toMatchObject({ outcome: 'fault', failure: { code: 'operator-fault' } });
  expect(unregistered.detail).toContain('not registered');
  expect(await acceptedRows()).toBe(0);
});

test('faults are set, listed and cleared over the control endpoint', async () => {
  const ask = async (method: 'GET' | 'POST', body?: string): Promise<[number, string]> => {
    const outcome = await http.send({
      method,
      url: `${sandbox.url}control/faults`,
      headers: {},
      ...(body !== undefined && { body: new TextEncoder().encode(body) }),
      withinMs: 5_000,
      answerBytesMax: 10_000,
    });
    if (outcome.kind !== 'answer') throw new Error(outcome.failure.detail);
    return [outcome.status, new TextDecoder().decode(outcome.body).trim()];
  };
  expect(await ask('POST', '{"kind":"soap-fault","times":2}')).toEqual([
    200,
    '[{"kind":"soap-fault","times":2,"ms":0}]',
  ]);
  expect((await ask('POST', '{"kind":"earthquake"}'))[0]).toBe(400);
  expect((await deliver(gasMessage('00000000000001'), deps())).outcome).toBe('fault');
  expect(await ask('GET')).toEqual([200, '[{"kind":"soap-fault","times":1,"ms":0}]']);
});

test('a taken port and a missing certificate stop the start, each with its own code', async () => {
  await expect(start(join(rehearsal.folder, 'other'), sandbox.port)).rejects.toMatchObject({
    failure: { code: 'port-in-use' },
  });
  const config = {
    ...rehearsal.config,
    seal: { ...rehearsal.config.seal, certificate: join(rehearsal.folder, 'none') },
  };
  await expect(startSandbox(config, { clock, entropy, log: quietLog })).rejects.toMatchObject({
    failure: { code: 'certificate-unreadable' },
  });
});

test('the sender gets a row of days through every fault there is, each accepted once', async () => {
  for (const kind of ['down', 'soap-fault', 'lost-answer', 'bad-signature'] as const)
    sandbox.faults.add({ kind, times: 2, ms: 0 });
  // Longer than the others, so that it is met alone too.
  sandbox.faults.add({ kind: 'unknown-code', times: 4, ms: 0 });
  const messages = ['2026-03-25', '2026-03-26', '2026-03-27'].map((day, n) =>
    gasMessage(`0000000000000${n + 1}`, { day }),
  );
  const outbox = memoryOutbox(messages);
  const stop = new AbortController();
  const alerts: string[] = [];
  const heads = async () => {
    const left = await outbox.heads();
    if (left.length === 0) stop.abort();
    return left;
  };
  const sender = createSender({
    outbox: { ...outbox, heads },
    clock,
    entropy,
    log: quietLog,
    retry: { firstMs: 10, factor: 2, mostMs: 100, jitter: 0.3 },
    alert: ({ failure }) => alerts.push(failure.code),
    deliver: (message, signal) => deliver(message, deps(), signal),
  });
  await sender.run(stop.signal);
  expect(await acceptedRows()).toBe(3 * 48);
  expect(outbox.ended.filter(({ detail }) => detail.startsWith('accepted'))).toHaveLength(3);
  expect(new Set(alerts)).toEqual(new Set(['operator-signature', 'operator-answer-unknown']));
});

const hasXmlsec1 = spawnSync('xmlsec1', ['--version']).status === 0;

/** Where xmlsec1 finds the ids that WS-Security refers to. */
const IDS = [
  '--id-attr:Id',
  'http://schemas.xmlsoap.org/soap/envelope/:Body',
  '--id-attr:Id',
  'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd:Timestamp',
];

test.skipIf(!hasXmlsec1)(
  'xmlsec1 verifies our largest envelope (skipped where Debian package xmlsec1 is not installed)',
  () => {
    const day = '2026-10-24';
    const one = pointDay({ pack: gasPack, day, minutes: 60 }, GAS_POINTS[0], ['volume', 'energy']);
    const points = Array.from({ length: gasPack.pointsPerMessageMax }, (_, n) => ({
      ...one,
      code: `${GAS_POINTS[0].slice(0, 14)}${n}B`,
    }));
    const renamed = points.map(({ code, channels }) => ({
      code,
      channels: Object.fromEntries(
        Object.entries(channels).map(([name, rows]) => [name, rows.map((row) => ({ ...row, point: code }))]),
      ),
    }));
    const document = madeXml(gasPack, requestOf(gasPack, day, renamed));
    const envelope = sealEnvelope(
      document,
      rehearsal.clientSeal,
      { entropy, crypto: hostSealCrypto() },
      { now: clock.now(), validMs: 300_000 },
    );
    const [good, bad] = [join(rehearsal.folder, 'good.xml'), join(rehearsal.folder, 'bad.xml')];
    writeFileSync(good, envelope);
    writeFileSync(bad, envelope.replace('value="1.001"', 'value="1.002"'));
    const verify = (file: string) =>
      execFileSync('xmlsec1', ['--verify', '--pubkey-cert-pem', rehearsal.config.trustedSeals[0] ?? '', ...IDS, file], {
        stdio: 'pipe',
      });
    expect(() => verify(good)).not.toThrow();
    expect(() => verify(bad)).toThrow();
  },
);

test.skipIf(!hasXmlsec1)('what xmlsec1 signs verifies here and at the sandbox, in whatever form it is', () => {
  const machine = { entropy, crypto: hostSealCrypto() };
  const stamped = { now: clock.now(), validMs: 300_000 };
  const ours = sealEnvelope(gasMessage('00000000000001').xml, rehearsal.clientSeal, machine, stamped);
  const body = /<soap:Body xmlns:soap="[^"]*" xmlns:wsu="[^"]*"(.*)<\/soap:Body>/s.exec(ours)![1];
  // Prefixes declared far away, quotes, line ends, empty elements and comments as nobody canonical would write them.
  const template = ours
    .replace(/<soap:Body .*<\/soap:Body>/s, `<!-- x --><soap:Body ${body}</soap:Body>\r\n`)
    .replace('<soap:Envelope ', `<soap:Envelope xmlns:wsu='${WSU}' xmlns:other="urn:other" `)
    .replaceAll('></Data>', '\n\t/><!-- y -->')
    .replaceAll('status="MEASURED"', "status='MEASURED'")
    .replace(/<ds:(DigestValue|SignatureValue)>[^<]*/g, '<ds:$1>');
  const [unsigned, key, made] = ['unsigned.xml', 'seal.key', 'made.xml'].map((name) => join(rehearsal.folder, name));
  writeFileSync(unsigned!, template);
  writeFileSync(key!, rehearsal.clientSeal.keyPem);
  execFileSync('xmlsec1', ['--sign', '--privkey-pem', key!, ...IDS, '--output', made!, unsigned!], { stdio: 'pipe' });
  const signed = readFileSync(made!, 'utf8');
  const pem = rehearsal.clientSeal.certificatePem;
  const trust = { now: clock.now(), windowMs: 300_000 };
  const verified = verifyEnvelope(signed, { ...trust, trusted: [pem] }, machine.crypto);
  expect(verified).toMatchObject({
    ok: true,
    body: expect.stringContaining('status="MEASURED" value="1.001"></Data>'),
  });
  const document = checkedDocument(signed, { ...trust, trusted: [new X509Certificate(pem)] });
  const { xml } = document;
  expect(verified.ok && verified.body).toContain(`>${xml}</soap:Body>`);
  expect('element' in document && canonical(document.element)).toBe(xml);
  const changed = signed.replace('value="1.001"', 'value="1.002"');
  expect(verifyEnvelope(changed, { ...trust, trusted: [pem] }, machine.crypto).ok).toBe(false);
  expect(() => checkedDocument(changed, { ...trust, trusted: [new X509Certificate(pem)] })).toThrow(
    'not what was signed',
  );
});
