import { beforeAll, expect, test } from 'vitest';
import { SignedXml } from 'xml-crypto';
import type { Seal, Verified } from '../machine/sealer.ts';
import { openBody } from './soap.ts';
import { makeSeal, message, NOW, sealMachine } from './uplink.testkit.ts';
import { verifyEnvelope } from './verify.ts';
import { EXCLUSIVE_C14N, RSA_SHA256, SHA256, SIGNED_CHARACTERS_MAX, sealEnvelope } from './ws-security.ts';

let operator: Seal;
let other: Seal;
let signed: string;

beforeAll(async () => {
  [operator, other] = await Promise.all([makeSeal('CS OTE auth'), makeSeal('somebody else')]);
  signed = sealEnvelope(message('1').xml, operator, sealMachine(), { now: NOW, validMs: 300_000 });
});

function verify(text: string, trusted: readonly string[] = [operator.certificatePem], now = NOW): Verified {
  return verifyEnvelope(text, { trusted, now, windowMs: 300_000 }, sealMachine().crypto);
}

function refusal(verified: Verified): string {
  return verified.ok ? 'accepted' : `${verified.failure.code}: ${verified.failure.detail}`;
}

test('a signed envelope verifies and gives back its document', () => {
  const verified = verify(signed);
  if (!verified.ok) throw new Error(refusal(verified));
  expect(openBody(verified.body)).toMatchObject({ kind: 'document', namespace: 'urn:test', name: 'DATA' });
});

test('several trusted certificates at once, in one file or more', () => {
  expect(verify(signed, [`${other.certificatePem}${operator.certificatePem}`]).ok).toBe(true);
  expect(verify(signed, [other.certificatePem, operator.certificatePem]).ok).toBe(true);
});

test('xml-crypto finds it good', () => {
  const checker = new SignedXml({
    idMode: 'wssecurity',
    publicCert: operator.certificatePem,
    getCertFromKeyInfo: () => null,
  });
  checker.loadSignature(/<ds:Signature .*<\/ds:Signature>/s.exec(signed)![0]);
  expect(checker.checkSignature(signed)).toBe(true);
});

test('the bytes sent are the bytes signed: whatever form the document had, it goes out in the canonical one', () => {
  const document = `<?xml version="1.0"?><a:D  xmlns:a='urn:a' b="&#13;" a:c='"'><!-- no --><E/>\r\n<![CDATA[<]]></a:D>`;
  const envelope = sealEnvelope(document, operator, sealMachine(), { now: NOW, validMs: 300_000 });
  const sent = /<soap:Body.*<\/soap:Body>/s.exec(envelope)![0];
  expect(verify(envelope)).toEqual({ ok: true, body: sent });
  expect(sent).toContain('><a:D xmlns:a="urn:a" b="&#xD;" a:c="&quot;"><E></E>\n&lt;</a:D></soap:Body>');
});

test('a certificate that is not trusted is refused, also when it signs correctly', () => {
  expect(refusal(verify(signed, [other.certificatePem]))).toContain('none of the operator');
});

test('the trusted certificate with a signature of another key is refused', () => {
  const forged = sealEnvelope(
    message('1').xml,
    { certificatePem: operator.certificatePem, keyPem: other.keyPem },
    sealMachine(),
    { now: NOW, validMs: 300_000 },
  );
  expect(refusal(verify(forged))).toContain('invalid signature');
});

test.each([
  ['a changed value', (text: string) => text.replace("v='1'", "v='2'").replace('v="1"', 'v="2"')],
  ['a changed time', (text: string) => text.replace(/(<wsu:Created>\d{4}-\d\d-)\d\d/, '$130')],
  ['no signature', (text: string) => text.replace(/<ds:Signature.*<\/ds:Signature>/s, '')],
])('%s is refused', (_name, change) => {
  const changed = change(signed);
  expect(changed).not.toBe(signed);
  expect(verify(changed).ok).toBe(false);
});

/** The operator's own key over the same parts by xml-crypto, also in ways that we do not ask for. */
function signedOtherwise(
  digestAlgorithm: string,
  signatureAlgorithm: string,
  transform: string,
  inclusiveNamespacesPrefixList: string[] = [],
): string {
  const signer = new SignedXml({
    idMode: 'wssecurity',
    privateKey: operator.keyPem,
    signatureAlgorithm,
    canonicalizationAlgorithm: EXCLUSIVE_C14N,
    inclusiveNamespacesPrefixList,
    getKeyInfoContent: () => null,
  });
  for (const name of ['Body', 'Timestamp'])
    signer.addReference({
      xpath: `//*[local-name()='${name}']`,
      transforms: [transform, EXCLUSIVE_C14N],
      digestAlgorithm,
      inclusiveNamespacesPrefixList,
    });
  const unsigned = signed.replace(/<ds:Signature .*<\/ds:Signature>/s, '');
  signer.computeSignature(unsigned, { prefix: 'ds', location: { reference: "//*[local-name()='Security']" } });
  return signer.getSignedXml();
}

test('a correct signature with weaker algorithms, or with transforms that can cut parts away, is refused', () => {
  const sha1 = 'http://www.w3.org/2000/09/xmldsig#';
  expect(verify(signedOtherwise(SHA256, RSA_SHA256, EXCLUSIVE_C14N)).ok).toBe(true);
  expect(refusal(verify(signedOtherwise(`${sha1}sha1`, RSA_SHA256, EXCLUSIVE_C14N)))).toContain('DigestMethod is');
  expect(refusal(verify(signedOtherwise(SHA256, `${sha1}rsa-sha1`, EXCLUSIVE_C14N)))).toContain('SignatureMethod is');
  expect(refusal(verify(signedOtherwise(SHA256, RSA_SHA256, `${sha1}enveloped-signature`)))).toContain('Transform is');
});

test('prefixes that a signer lists as to be kept are kept', () => {
  const listed = signedOtherwise(SHA256, RSA_SHA256, EXCLUSIVE_C14N, ['soap', 'wsse']);
  expect(listed).toContain('PrefixList="soap wsse"');
  expect(refusal(verify(listed))).toBe('accepted');
  expect(verify(listed.replaceAll('PrefixList="soap wsse"', 'PrefixList="soap"')).ok).toBe(false);
});

test('wrapping: the signed Body set aside in the header, another one in its place', () => {
  const body = /<soap:Body.*<\/soap:Body>/s.exec(signed)![0];
  const evil = body.replace(/wsu:Id="body-[^"]+"/, 'wsu:Id="other"').replace(/id="1"/, 'id="2"');
  const moved = signed.replace(body, evil).replace('</soap:Header>', `<x>${body}</x></soap:Header>`);
  expect(refusal(verify(moved))).toContain('does not cover Body');
});

test('wrapping: two elements with the id that is signed', () => {
  const body = /<soap:Body.*<\/soap:Body>/s.exec(signed)![0];
  const evil = body.replace(/id="1"/, 'id="2"');
  for (const doubled of [
    signed.replace(body, evil).replace('</soap:Header>', `<x>${body}</x></soap:Header>`),
    signed.replace('</soap:Header>', `<x Id="${/body-[0-9a-f]+/.exec(signed)![0]}"/></soap:Header>`),
  ])
    expect(refusal(verify(doubled))).toContain('not the only one');
});

test('a second Body, or a stranger beside Header and Body, is refused', () => {
  expect(verify(signed.replace('</soap:Envelope>', '<soap:Body/></soap:Envelope>')).ok).toBe(false);
  expect(verify(signed.replace('</soap:Envelope>', '<x/></soap:Envelope>')).ok).toBe(false);
});

test.each([
  ['text in the Envelope', (text: string) => text.replace('</soap:Header>', '</soap:Header>accepted')],
  ['text in the Header', (text: string) => text.replace('</soap:Header>', 'accepted</soap:Header>')],
  ['character data in the Envelope', (text: string) => text.replace('<soap:Body', '<![CDATA[x]]><soap:Body')],
  ['a NUL behind the document', (text: string) => `${text}\0`],
  ['a processing instruction', (text: string) => text.replace('<soap:Body', '<?x y?><soap:Body')],
  ['text behind the document', (text: string) => `${text}<!-- -->accepted`],
  ['a second document', (text: string) => `${text}<x/>`],
])('%s is refused: the signature does not cover it', (_name, change) => {
  expect(change(signed)).not.toBe(signed);
  expect(verify(change(signed)).ok).toBe(false);
});

test('line ends between the parts and behind the document are no text', () => {
  expect(verify(`${signed.replace('<soap:Body', '\r\n <soap:Body')}\n`).ok).toBe(true);
});

test('an answer from another time is refused, both ways', () => {
  expect(verify(signed, undefined, NOW + 299_000).ok).toBe(true);
  expect(refusal(verify(signed, undefined, NOW + 301_000))).toContain('our clock shows');
  expect(refusal(verify(signed, undefined, NOW - 301_000))).toContain('our clock shows');
});

test('more than can be handled without blocking is refused, to sign and to verify', () => {
  const long = `<a>${'x'.repeat(SIGNED_CHARACTERS_MAX)}</a>`;
  expect(() => sealEnvelope(long, operator, sealMachine(), { now: NOW, validMs: 1 })).toThrow(
    'larger than can be signed',
  );
  expect(refusal(verify(long))).toContain('at most');
});

test('files that are no certificate and no key are told apart', () => {
  const attempt = (seal: Seal) => () => sealEnvelope('<a/>', seal, sealMachine(), { now: NOW, validMs: 1 });
  expect(attempt({ ...operator, certificatePem: 'x' })).toThrow('certificate cannot be read');
  expect(attempt({ ...operator, keyPem: 'x' })).toThrow('private key cannot be read');
});
