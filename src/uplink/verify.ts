import { SignedXml } from 'xml-crypto';
import { failure } from '../core/failure.ts';
import { isoUtc, parseUtc } from '../core/time.ts';
import type { Trust, Verified } from '../machine/sealer.ts';
import { envelopeParts } from './soap.ts';
import {
  certificates,
  DSIG,
  EXCLUSIVE_C14N,
  RSA_SHA256,
  SHA256,
  SIGNED_CHARACTERS_MAX,
  WSSE,
  WSU,
} from './ws-security.ts';
import { children, elements, onlyChild, parseXml } from './xml.ts';

/**
 * Whether an answer is signed by the operator. Guards against signature wrapping: the envelope has one Body, one Security,
 * one Signature; every id referred to exists once in the message; the references are those of the Body and the Timestamp
 * that stand in their places; and what is given back is the signed text itself.
 */
export function verifyEnvelope(text: string, trust: Trust): Verified {
  if (text.length > SIGNED_CHARACTERS_MAX)
    return refused(`the answer has ${text.length} characters, at most ${SIGNED_CHARACTERS_MAX} can be verified`);
  try {
    return { ok: true, body: signedBody(text, trust) };
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error));
  }
}

function refused(detail: string): Verified {
  return { ok: false, failure: failure('operator-signature', detail) };
}

function signedBody(text: string, trust: Trust): string {
  const document = parseXml(text);
  const { header, body } = envelopeParts(document.documentElement);
  const security = onlyChild(header, WSSE, 'Security');
  const token = onlyChild(security, WSSE, 'BinarySecurityToken');
  const signature = onlyChild(security, DSIG, 'Signature');
  const timestamp = onlyChild(security, WSU, 'Timestamp');
  const pinned = pinnedCertificate(token, trust.trusted);
  onlyOurAlgorithms(signature);

  const wanted = [body, timestamp].map((element) => `#${element.getAttributeNS(WSU, 'Id') ?? ''}`);
  const ids = allIds(document.documentElement);
  for (const uri of wanted)
    if (ids.filter((id) => `#${id}` === uri).length !== 1)
      throw new Error(`the id "${uri}" is not the only one of its kind`);

  const checker = new SignedXml({ idMode: 'wssecurity', publicCert: pinned, getCertFromKeyInfo: () => null });
  checker.loadSignature(signature);
  if (!checker.checkSignature(text)) throw new Error('a digest does not fit what it should cover');
  const uris = references(signature).map((reference) => reference.getAttribute('URI') ?? '');
  const signed = checker.getSignedReferences();
  const [bodyText, timestampText] = wanted.map((uri) => signed[uris.indexOf(uri)]);
  if (bodyText === undefined || timestampText === undefined)
    throw new Error('the signature does not cover Body and Timestamp');
  checkTimestamp(parseXml(timestampText).documentElement, trust);
  return bodyText;
}

/** Trust is by the certificate itself, so a change of the operator's certificate is one more file in the list. */
function pinnedCertificate(token: Element, trusted: readonly string[]): string {
  const sent = (token.textContent ?? '').replaceAll(/\s/g, '');
  const pinned = trusted.flatMap(certificates).find((known) => known === sent);
  if (pinned === undefined)
    throw new Error("the certificate in the answer is none of the operator's trusted certificates");
  return `-----BEGIN CERTIFICATE-----\n${pinned.replaceAll(/(.{64})/g, '$1\n').trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function references(signature: Element): Element[] {
  return children(onlyChild(signature, DSIG, 'SignedInfo'), DSIG, 'Reference');
}

/** Weaker algorithms and transforms that cut parts away are refused, whatever the library can do. */
function onlyOurAlgorithms(signature: Element): void {
  const info = onlyChild(signature, DSIG, 'SignedInfo');
  demand(onlyChild(info, DSIG, 'CanonicalizationMethod'), EXCLUSIVE_C14N);
  demand(onlyChild(info, DSIG, 'SignatureMethod'), RSA_SHA256);
  for (const reference of references(signature)) {
    demand(onlyChild(reference, DSIG, 'DigestMethod'), SHA256);
    for (const transform of elements(onlyChild(reference, DSIG, 'Transforms'))) demand(transform, EXCLUSIVE_C14N);
  }
}

function demand(method: Element, algorithm: string): void {
  const found = method.getAttribute('Algorithm');
  if (found !== algorithm) throw new Error(`${method.localName} is ${found}, expected ${algorithm}`);
}

/** Every attribute that any reader could take for an id: Id, ID, id, xml:id, wsu:Id. */
function allIds(element: Element): string[] {
  const attributes = Array.from({ length: element.attributes.length }, (_, n) => element.attributes.item(n));
  const own = attributes
    .filter((attribute) => /(^|:)id$/i.test(attribute?.name ?? ''))
    .map((attribute) => attribute?.value ?? '');
  return [...own, ...elements(element).flatMap(allIds)];
}

function checkTimestamp(timestamp: Element, { now, windowMs }: Trust): void {
  const created = parseUtc(onlyChild(timestamp, WSU, 'Created').textContent ?? '');
  const expires = children(timestamp, WSU, 'Expires').map((element) => parseUtc(element.textContent ?? ''));
  const stale = Math.abs(now - created) > windowMs || expires.some((end) => end < now - windowMs);
  if (stale)
    throw new Error(
      `the answer is of ${isoUtc(created)}, our clock shows ${isoUtc(now)}; at most ${windowMs} ms may lie between`,
    );
}
