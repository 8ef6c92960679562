import { X509Certificate } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { Seal } from '../machine/sealer.ts';
import { canonical } from '../uplink/canonical.ts';
import { makeSeal, message, NOW, sealMachine } from '../uplink/uplink.testkit.ts';
import { sealEnvelope } from '../uplink/ws-security.ts';
import { checkedDocument, type SignedDocument } from './seal-check.ts';

let gateway: Seal;
let other: Seal;
let signed: string;

beforeAll(async () => {
  [gateway, other] = await Promise.all([makeSeal('gateway'), makeSeal('other')]);
  signed = sealEnvelope(message('1').xml, gateway, sealMachine(), { now: NOW, validMs: 300_000 });
});

function check(text: string, trusted = gateway, now = NOW): SignedDocument {
  return checkedDocument(text, { trusted: [new X509Certificate(trusted.certificatePem)], now, windowMs: 300_000 });
}

test('what the gateway signed is found good by code of its own', () => {
  const { element, xml } = check(signed);
  expect(xml).toBe('<DATA xmlns="urn:test" id="1"><Row v="1"></Row></DATA>');
  expect(canonical(element)).toBe(xml);
});

function sealed(body: string): string {
  return sealEnvelope(body, gateway, sealMachine(), { now: NOW, validMs: 300_000 });
}

test('the text of a document is what was signed of it, without the space and the comments around', () => {
  const { xml } = check(sealed('\n <!-- > --> <n:A xmlns:n="urn:a" b="1>0"><n:B>&lt;&gt;</n:B></n:A> <!-- --> '));
  expect(xml).toBe('<n:A xmlns:n="urn:a" b="1>0"><n:B>&lt;&gt;</n:B></n:A>');
});

test.each(['<A/>x', 'x<A/>', '<A/><B/>'])('a Body with %s is refused', (body) => {
  expect(() => check(sealed(body))).toThrow('exactly one document');
});

test.each([
  [
    'a changed Body',
    (text: string) => text.replace("v='1'", "v='2'").replace('v="1"', 'v="2"'),
    'the Body is not what',
  ],
  ['a changed Timestamp', (text: string) => text.replace(/(<wsu:Expires>\d{4})/, '$10'), 'the Timestamp is not what'],
  ['another digest', (text: string) => text.replace(/<ds:DigestValue>./, '<ds:DigestValue>_'), 'signature value'],
  [
    'a Body that is not signed',
    (text: string) => text.replace(/wsu:Id="body-/, 'wsu:Id="other-'),
    'the Body is not signed',
  ],
])('%s is refused', (_name, change, why) => {
  const changed = change(signed);
  expect(changed).not.toBe(signed);
  expect(() => check(changed)).toThrow(why);
});

test('an unregistered certificate and a stale message are refused', () => {
  expect(() => check(signed, other)).toThrow('not registered');
  expect(() => check(signed, gateway, NOW + 301_000)).toThrow('the clock shows');
});
