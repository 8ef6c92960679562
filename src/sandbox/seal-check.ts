import { createHash, verify, type X509Certificate } from 'node:crypto';
import { isoUtc, type Millis, parseUtc, type UtcMs } from '../core/time.ts';
import type { Captured } from '../message/match.ts';
import type { FormatPack } from '../message/pack.ts';
import { canonicalMatch } from '../message/quick-match.ts';
import { attributeOf, elements, readXml, textOf, type XmlElement } from '../message/xml.ts';
import { canonical } from '../uplink/canonical.ts';
import { SOAP } from '../uplink/soap.ts';
import { DSIG, WSSE, WSU } from '../uplink/ws-security.ts';
import { CHARACTERS_MAX, children, hasOwnText, isElement, onlyChild, parseXml } from '../uplink/xml.ts';

/**
 * The operator's side of WS-Security, made apart from the gateway's: digests and signature are computed here with node:crypto
 * over elements taken from their places, not looked up by whoever names them. Only reading and canonical form are shared; xmlsec1
 * and libxml2 stand against those in the tests.
 */
export interface SealTrust {
  readonly trusted: readonly X509Certificate[];
  readonly now: UtcMs;
  readonly windowMs: Millis;
}

/** A document, and its text as it was signed: canonical. */
export type SignedDocument = SignedText & Content;

interface SignedText {
  readonly xml: string;
  readonly utf8: Buffer;
}

/** Its elements, or what the patterns of a pack have captured of it. */
type Content = { readonly element: XmlElement } | Matched;

interface Matched {
  readonly pack: FormatPack;
  readonly captured: Captured;
}

/**
 * The document of a message whose signature holds. Throws Error with the reason when it does not.
 * @param packs a document that is the canonical form of one of them to the letter is read once, by its patterns
 */
export function checkedDocument(text: string, trust: SealTrust, packs: readonly FormatPack[] = []): SignedDocument {
  const cut = cutOut(text, packs);
  const envelope = cut ? cut.around : parseXml(text);
  if (!isElement(envelope, SOAP, 'Envelope')) throw new Error('not a SOAP 1.1 Envelope');
  const body = onlyChild(envelope, SOAP, 'Body');
  const security = onlyChild(onlyChild(envelope, SOAP, 'Header'), WSSE, 'Security');
  const timestamp = onlyChild(security, WSU, 'Timestamp');
  const signature = onlyChild(security, DSIG, 'Signature');
  const info = onlyChild(signature, DSIG, 'SignedInfo');

  const signer = certificateOf(security, trust.trusted);
  const value = Buffer.from(textOf(onlyChild(signature, DSIG, 'SignatureValue')), 'base64');
  if (!verify('RSA-SHA256', Buffer.from(canonical(info)), signer.publicKey, value))
    throw new Error('the signature value does not fit SignedInfo');
  const references = children(info, DSIG, 'Reference');
  const digests = new Map(references.map((reference) => [attributeOf(reference, 'URI'), reference]));
  const bodyText = canonical(body);
  checkDigest(body, cut ? aroundPlace(bodyText, cut.utf8) : [bodyText], digests.get(`#${idOf(body)}`));
  checkDigest(timestamp, [canonical(timestamp)], digests.get(`#${idOf(timestamp)}`));
  checkFresh(timestamp, trust);
  const [element, second] = elements(body);
  if (!element || second || hasOwnText(body)) throw new Error('the Body must hold exactly one document');
  if (cut) return cut;
  const xml = insideOf(bodyText);
  return { element, xml, utf8: Buffer.from(xml) };
}

/** In canonical form an angle bracket opens a tag and nothing else: the second one is the document's, the last one the Body's end. */
function insideOf(body: string): string {
  return body.slice(body.indexOf('<', 1), body.lastIndexOf('<')).trimEnd();
}

/** Stands in the Body for a document that was cut out of it. */
const PLACE = 'odecet-document';
const BODY = /<(?:[A-Za-z_][\w.-]*:)?Body(?: [^<>]*)?>/;

interface Cut extends Matched, SignedText {
  /** The envelope with PLACE as the only thing in its Body. */
  readonly around: XmlElement;
}

/**
 * A document that is the canonical form of one of the packs, cut out of its envelope: neither elements nor a canonical text are
 * made of it again. Where Body and document begin and end is guessed, then shown: only if the rest is read with the place as the
 * one element in the Body, and nothing declares a default namespace there, is the whole read with the document in that place.
 * Undefined where this cannot be shown; then everything is read.
 */
function cutOut(text: string, packs: readonly FormatPack[]): Cut | undefined {
  const begin = BODY.exec(text);
  if (!begin || text.length > CHARACTERS_MAX) return undefined;
  const from = begin.index + begin[0].length;
  const to = text.lastIndexOf('</', text.lastIndexOf('</') - 1);
  const xml = text.slice(from, to);
  const matched = matchedBy(packs, xml);
  if (!matched) return undefined;
  const read = readXml(`${text.slice(0, from)}<${PLACE}/>${text.slice(to)}`, CHARACTERS_MAX);
  return read.kind === 'element' && hasPlace(read.element)
    ? { ...matched, xml, utf8: Buffer.from(xml), around: read.element }
    : undefined;
}

function matchedBy(packs: readonly FormatPack[], xml: string): Matched | undefined {
  const pack = packs.find(({ family, namespace }) => xml.startsWith(`<${family} xmlns="${namespace}"`));
  const captured = pack && canonicalMatch(pack.document, xml, pack.namespace);
  return captured && { pack, captured };
}

function hasPlace(envelope: XmlElement): boolean {
  const bodies = elements(envelope).filter((element) => isElement(element, SOAP, 'Body'));
  const [place, ...others] = bodies.flatMap(({ content }) => content);
  return others.length === 0 && place !== undefined && typeof place !== 'string' && isElement(place, '', PLACE);
}

/** The canonical text of a Body with the document in its place. */
function aroundPlace(body: string, document: Buffer): (string | Buffer)[] {
  const [before = '', after = ''] = body.split(`<${PLACE}></${PLACE}>`);
  return [before, document, after];
}

function certificateOf(security: XmlElement, trusted: readonly X509Certificate[]): X509Certificate {
  const sent = Buffer.from(textOf(onlyChild(security, WSSE, 'BinarySecurityToken')), 'base64');
  const known = trusted.find(({ raw }) => raw.equals(sent));
  if (!known) throw new Error('the certificate of the signature is not registered');
  return known;
}

function idOf({ attributes }: XmlElement): string | undefined {
  return attributes.find(({ local, uri }) => local === 'Id' && uri === WSU)?.value;
}

/** Throws Error when the reference's digest covers something else than the element, its canonical text in parts. */
function checkDigest(
  { name }: XmlElement,
  parts: readonly (string | Buffer)[],
  reference: XmlElement | undefined,
): void {
  if (!reference) throw new Error(`the ${name} is not signed`);
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  const found = hash.digest('base64');
  if (textOf(onlyChild(reference, DSIG, 'DigestValue')) !== found)
    throw new Error(`the ${name} is not what was signed`);
}

function checkFresh(timestamp: XmlElement, { now, windowMs }: SealTrust): void {
  const at = parseUtc(textOf(onlyChild(timestamp, WSU, 'Created')));
  if (Math.abs(now - at) > windowMs) throw new Error(`the message is of ${isoUtc(at)}, the clock shows ${isoUtc(now)}`);
}
