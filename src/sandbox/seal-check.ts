import { createHash, verify, type X509Certificate } from 'node:crypto';
import { isoUtc, type Millis, parseUtc, type UtcMs } from '../core/time.ts';
import { attributeOf, elements, textOf, type XmlElement } from '../message/xml.ts';
import { canonical } from '../uplink/canonical.ts';
import { SOAP } from '../uplink/soap.ts';
import { DSIG, WSSE, WSU } from '../uplink/ws-security.ts';
import { children, hasOwnText, isElement, onlyChild, parseXml } from '../uplink/xml.ts';

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
export interface SignedDocument {
  readonly element: XmlElement;
  readonly xml: string;
}

/** The document of a message whose signature holds. Throws Error with the reason when it does not. */
export function checkedDocument(text: string, trust: SealTrust): SignedDocument {
  const envelope = parseXml(text);
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
  const signedBody = signedText(body, digests.get(`#${idOf(body)}`));
  signedText(timestamp, digests.get(`#${idOf(timestamp)}`));
  checkFresh(timestamp, trust);
  const [element, second] = elements(body);
  if (!element || second || hasOwnText(body)) throw new Error('the Body must hold exactly one document');
  return { element, xml: insideOf(signedBody) };
}

/** In canonical form an angle bracket opens a tag and nothing else: the second one is the document's, the last one the Body's end. */
function insideOf(body: string): string {
  return body.slice(body.indexOf('<', 1), body.lastIndexOf('<')).trimEnd();
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

/** What the reference's digest covers: the element in canonical form. Throws Error when it covers something else. */
function signedText(element: XmlElement, reference: XmlElement | undefined): string {
  if (!reference) throw new Error(`the ${element.name} is not signed`);
  const text = canonical(element);
  const found = createHash('sha256').update(text).digest('base64');
  if (textOf(onlyChild(reference, DSIG, 'DigestValue')) !== found)
    throw new Error(`the ${element.name} is not what was signed`);
  return text;
}

function checkFresh(timestamp: XmlElement, { now, windowMs }: SealTrust): void {
  const at = parseUtc(textOf(onlyChild(timestamp, WSU, 'Created')));
  if (Math.abs(now - at) > windowMs) throw new Error(`the message is of ${isoUtc(at)}, the clock shows ${isoUtc(now)}`);
}
