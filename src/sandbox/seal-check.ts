import { createHash, verify, type X509Certificate } from 'node:crypto';
import { ExclusiveCanonicalization } from 'xml-crypto';
import { isoUtc, type Millis, parseUtc, type UtcMs } from '../core/time.ts';
import { SOAP } from '../uplink/soap.ts';
import { DSIG, WSSE, WSU } from '../uplink/ws-security.ts';
import { children, elements, isElement, onlyChild, parseXml } from '../uplink/xml.ts';

/**
 * The operator's side of WS-Security, made apart from the gateway's: digests and signature are computed here with node:crypto
 * over elements taken from their places, not looked up by whoever names them. Only canonicalisation is shared.
 */
export interface SealTrust {
  readonly trusted: readonly X509Certificate[];
  readonly now: UtcMs;
  readonly windowMs: Millis;
}

/** The Body of a message whose signature holds. Throws Error with the reason when it does not. */
export function checkedBody(text: string, trust: SealTrust): Element {
  const envelope = parseXml(text).documentElement;
  if (!isElement(envelope, SOAP, 'Envelope')) throw new Error('not a SOAP 1.1 Envelope');
  const body = onlyChild(envelope, SOAP, 'Body');
  const security = onlyChild(onlyChild(envelope, SOAP, 'Header'), WSSE, 'Security');
  const timestamp = onlyChild(security, WSU, 'Timestamp');
  const signature = onlyChild(security, DSIG, 'Signature');
  const info = onlyChild(signature, DSIG, 'SignedInfo');

  const signer = certificateOf(security, trust.trusted);
  const value = Buffer.from(onlyChild(signature, DSIG, 'SignatureValue').textContent ?? '', 'base64');
  if (!verify('RSA-SHA256', Buffer.from(canonical(info)), signer.publicKey, value))
    throw new Error('the signature value does not fit SignedInfo');
  const digests = new Map(
    children(info, DSIG, 'Reference').map((reference) => [reference.getAttribute('URI'), reference]),
  );
  for (const element of [body, timestamp]) checkDigest(element, digests.get(`#${element.getAttributeNS(WSU, 'Id')}`));
  checkFresh(timestamp, trust);
  return body;
}

function certificateOf(security: Element, trusted: readonly X509Certificate[]): X509Certificate {
  const sent = Buffer.from(onlyChild(security, WSSE, 'BinarySecurityToken').textContent ?? '', 'base64');
  const known = trusted.find(({ raw }) => raw.equals(sent));
  if (!known) throw new Error('the certificate of the signature is not registered');
  return known;
}

function checkDigest(element: Element, reference: Element | undefined): void {
  if (!reference) throw new Error(`the ${element.localName} is not signed`);
  const told = onlyChild(reference, DSIG, 'DigestValue').textContent?.trim();
  const found = createHash('sha256').update(canonical(element)).digest('base64');
  if (told !== found) throw new Error(`the ${element.localName} is not what was signed`);
}

function canonical(element: Element): string {
  return new ExclusiveCanonicalization().process(element, {});
}

function checkFresh(timestamp: Element, { now, windowMs }: SealTrust): void {
  const created = elements(timestamp).find((element) => isElement(element, WSU, 'Created'));
  const at = parseUtc(created?.textContent ?? '');
  if (Math.abs(now - at) > windowMs) throw new Error(`the message is of ${isoUtc(at)}, the clock shows ${isoUtc(now)}`);
}
