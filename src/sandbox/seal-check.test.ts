import { X509Certificate } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { Seal } from '../machine/sealer.ts';
import { gasPack, ZONE } from '../message/message.testkit.ts';
import { readCaptured, readDocumentElement } from '../message/read.ts';
import { canonical } from '../uplink/canonical.ts';
import { makeSeal, message, NOW, sealMachine } from '../uplink/uplink.testkit.ts';
import { sealEnvelope } from '../uplink/ws-security.ts';
import { gasMessage } from './sandbox.testkit.ts';
import { checkedDocument, type SignedDocument } from './seal-check.ts';

let gateway: Seal;
let other: Seal;
let signed: string;

beforeAll(async () => {
  [gateway, other] = await Promise.all([makeSeal('gateway'), makeSeal('other')]);
  signed = sealEnvelope(message('1').xml, gateway, sealMachine(), { now: NOW, validMs: 300_000 });
});

function trust(trusted = gateway) {
  return { trusted: [new X509Certificate(trusted.certificatePem)] };
}

function check(text: string, trusted = gateway, now = NOW): SignedDocument {
  return checkedDocument(text, { ...trust(trusted), now, windowMs: 300_000 });
}

test('what the gateway signed is found good by code of its own', () => {
  const document = check(signed);
  expect(document.xml).toBe('<DATA xmlns="urn:test" id="1"><Row v="1"></Row></DATA>');
  expect('element' in document && canonical(document.element)).toBe(document.xml);
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

const GAS = gasMessage('00000000000001').xml;

/** With the pack and without it; what comes out must be the same document, or the same refusal. */
function bothWays(text: string): { readonly byPack: boolean; readonly outcome: object } {
  const ways = [[gasPack], []].map((packs) => {
    try {
      const document = checkedDocument(text, { ...trust(), now: NOW, windowMs: 300_000 }, packs);
      const read =
        'element' in document
          ? readDocumentElement(gasPack, document.element, ZONE)
          : readCaptured(document.pack, document.captured, ZONE);
      return { byPack: !('element' in document), outcome: { xml: document.xml, read } };
    } catch (error) {
      return { byPack: false, outcome: { refused: String(error) } };
    }
  });
  expect(ways[0]?.outcome).toEqual(ways[1]?.outcome);
  expect(ways[1]?.byPack).toBe(false);
  return ways[0]!;
}

test('a document of a pack is read by its patterns, and is what its elements say', () => {
  const { byPack, outcome } = bothWays(sealed(GAS));
  expect(byPack).toBe(true);
  expect(outcome).toMatchObject({ read: { kind: 'document', document: { id: '00000000000001' } } });
});

test.each([
  ['space around it', GAS, (text: string) => text.replace(/(<soap:Body[^>]*>)/, '$1 ')],
  ['a comment beside it', GAS, (text: string) => text.replace('</soap:Body>', '<!-- --></soap:Body>')],
  [
    'a Body of another name in a comment',
    GAS,
    (text: string) => text.replace('<soap:Header>', '<!-- <Body> --><soap:Header>'),
  ],
  ['a Body in a section', GAS, (text: string) => text.replace('<soap:Header>', '<soap:Header><![CDATA[<x:Body>]]>')],
  ['a second Body', GAS, (text: string) => text.replace('</soap:Envelope>', '<soap:Body></soap:Body></soap:Envelope>')],
  ['a default namespace around', GAS, (text: string) => text.replace('<soap:Envelope', '<soap:Envelope xmlns="urn:d"')],
  ['a changed value', GAS, (text: string) => text.replace('value="1.001"', 'value="1.002"')],
  [
    'attributes in another order',
    GAS,
    (text: string) => text.replace('status="MEASURED" value="1.001"', 'value="1.001" status="MEASURED"'),
  ],
  ['another day in its place', GAS, (text: string) => text.replace(/<Location.*<\/Location>/s, '')],
  ['a document that its pack does not know', GAS.replaceAll('Profile', 'Profil'), (text: string) => text],
  ['a value that the pack does not know', GAS.replace('MEASURED', 'GUESSED'), (text: string) => text],
])('with %s nothing else comes out than without packs', (_what, document, change) => {
  bothWays(change(sealed(document)));
});
