import { X509Certificate } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { Seal } from '../machine/sealer.ts';
import type { XmlElement } from '../message/xml.ts';
import { canonical } from '../uplink/canonical.ts';
import { makeSeal, message, NOW, sealMachine } from '../uplink/uplink.testkit.ts';
import { sealEnvelope } from '../uplink/ws-security.ts';
import { checkedDocument } from './seal-check.ts';

let gateway: Seal;
let other: Seal;
let signed: string;

beforeAll(async () => {
  [gateway, other] = await Promise.all([makeSeal('gateway'), makeSeal('other')]);
  signed = sealEnvelope(message('1').xml, gateway, sealMachine(), { now: NOW, validMs: 300_000 });
});

function check(text: string, trusted = gateway, now = NOW): XmlElement {
  return checkedDocument(text, { trusted: [new X509Certificate(trusted.certificatePem)], now, windowMs: 300_000 });
}

test('what the gateway signed is found good by code of its own', () => {
  expect(canonical(check(signed))).toBe('<DATA xmlns="urn:test" id="1"><Row v="1"></Row></DATA>');
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
