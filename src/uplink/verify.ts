import { failure } from '../core/failure.ts';
import { isoUtc, parseUtc } from '../core/time.ts';
import type { SealCrypto, Trust, Verified } from '../machine/sealer.ts';
import { elements, textOf, type XmlElement } from '../message/xml.ts';
import { canonical } from './canonical.ts';
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
import { attribute, children, isElement, onlyChild, parseXml } from './xml.ts';

/**
 * Whether an answer is signed by the operator. Guards against signature wrapping: the envelope has one Body, one Security,
 * one Signature; every id referred to exists once in the message; the Body and the Timestamp that stand in their places are
 * themselves the elements referred to; and what is given back is the signed text itself.
 */
export function verifyEnvelope(text: string, trust: Trust, crypto: SealCrypto): Verified {
  if (text.length > SIGNED_CHARACTERS_MAX)
    return refused(`the answer has ${text.length} characters, at most ${SIGNED_CHARACTERS_MAX} can be verified`);
  try {
    return { ok: true, body: signedBody(text, trust, crypto) };
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error));
  }
}

function refused(detail: string): Verified {
  return { ok: false, failure: failure('operator-signature', detail) };
}

function signedBody(text: string, trust: Trust, crypto: SealCrypto): string {
  const root = parseXml(text);
  const { header, body } = envelopeParts(root);
  const security = onlyChild(header, WSSE, 'Security');
  const timestamp = onlyChild(security, WSU, 'Timestamp');
  const signature = onlyChild(security, DSIG, 'Signature');
  const pinned = pinnedCertificate(onlyChild(security, WSSE, 'BinarySecurityToken'), trust.trusted);
  const info = onlyChild(signature, DSIG, 'SignedInfo');
  checkSignature(info, textOf(onlyChild(signature, DSIG, 'SignatureValue')), pinned, crypto);
  const signed = signedTexts(root, children(info, DSIG, 'Reference'), crypto);
  const bodyText = signed.get(body);
  if (bodyText === undefined || !signed.has(timestamp))
    throw new Error('the signature does not cover Body and Timestamp');
  checkTimestamp(timestamp, trust);
  return bodyText;
}

function checkSignature(info: XmlElement, value: string, certificate: string, crypto: SealCrypto): void {
  const method = onlyChild(info, DSIG, 'CanonicalizationMethod');
  demand(method, EXCLUSIVE_C14N);
  demand(onlyChild(info, DSIG, 'SignatureMethod'), RSA_SHA256);
  if (!crypto.fits(canonical(info, inclusivePrefixes(method)), value, certificate))
    throw new Error('invalid signature: it does not fit SignedInfo and the certificate');
}

/** The elements that are referred to, each with the text that its digest fits. */
function signedTexts(root: XmlElement, references: readonly XmlElement[], crypto: SealCrypto): Map<XmlElement, string> {
  const byId = new Map<string, XmlElement[]>();
  gatherIds(root, byId);
  const signed = new Map<XmlElement, string>();
  for (const reference of references) {
    const uri = attribute(reference, 'URI');
    const [element, second] = byId.get(uri) ?? [];
    if (!element) throw new Error(`nothing has the id "${uri}"`);
    if (second) throw new Error(`the id "${uri}" is not the only one of its kind`);
    demand(onlyChild(reference, DSIG, 'DigestMethod'), SHA256);
    const text = canonical(element, transformPrefixes(reference));
    if (crypto.digest(text) !== textOf(onlyChild(reference, DSIG, 'DigestValue')))
      throw new Error(`the digest of "${uri}" does not fit what it should cover`);
    signed.set(element, text);
  }
  return signed;
}

/** Every attribute that any reader could take for an id: Id, ID, id, xml:id, wsu:Id. As references write them, with a hash. */
function gatherIds(element: XmlElement, byId: Map<string, XmlElement[]>): void {
  for (const { local, value } of element.attributes) {
    if (local.toLowerCase() !== 'id') continue;
    const uri = `#${value}`;
    const same = byId.get(uri);
    if (same) same.push(element);
    else byId.set(uri, [element]);
  }
  for (const child of elements(element)) gatherIds(child, byId);
}

/** Transforms that cut parts away are refused. Exclusive canonicalisation twice is the same as once, but for lists of prefixes. */
function transformPrefixes(reference: XmlElement): readonly string[] {
  const transforms = elements(onlyChild(reference, DSIG, 'Transforms'));
  for (const transform of transforms) demand(transform, EXCLUSIVE_C14N);
  const [prefixes, ...further] = transforms.map(inclusivePrefixes);
  if (!prefixes) throw new Error('a Reference without exclusive canonicalisation');
  if (further.some((list) => list.join(' ') !== prefixes.join(' ')))
    throw new Error('Transforms with different lists of prefixes');
  return prefixes;
}

/** Its one parameter; anything else in a method would be something that we do not do. */
function inclusivePrefixes(method: XmlElement): readonly string[] {
  const [list, second] = elements(method);
  if (!list) return [];
  if (second || !isElement(list, EXCLUSIVE_C14N, 'InclusiveNamespaces'))
    throw new Error(`${method.name} holds more than InclusiveNamespaces`);
  return attribute(list, 'PrefixList')
    .split(/[ \t\r\n]+/)
    .filter(Boolean);
}

/** Weaker algorithms are refused, whatever the signature is worth. */
function demand(method: XmlElement, algorithm: string): void {
  const found = attribute(method, 'Algorithm');
  if (found !== algorithm) throw new Error(`${method.name} is ${found}, expected ${algorithm}`);
}

/** Trust is by the certificate itself, so a change of the operator's certificate is one more file in the list. */
function pinnedCertificate(token: XmlElement, trusted: readonly string[]): string {
  const sent = textOf(token).replaceAll(/\s/g, '');
  const pinned = trusted.flatMap(certificates).find((known) => known === sent);
  if (pinned === undefined)
    throw new Error("the certificate in the answer is none of the operator's trusted certificates");
  return pinned;
}

function checkTimestamp(timestamp: XmlElement, { now, windowMs }: Trust): void {
  const created = parseUtc(textOf(onlyChild(timestamp, WSU, 'Created')));
  const expires = children(timestamp, WSU, 'Expires').map((element) => parseUtc(textOf(element)));
  const stale = Math.abs(now - created) > windowMs || expires.some((end) => end < now - windowMs);
  if (stale)
    throw new Error(
      `the answer is of ${isoUtc(created)}, our clock shows ${isoUtc(now)}; at most ${windowMs} ms may lie between`,
    );
}
