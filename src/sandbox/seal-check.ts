import { createHash, verify, type X509Certificate } from 'node:crypto';
import { XmlC14NMode, XmlDocument, XmlElement } from 'libxml2-wasm';
import { isoUtc, type Millis, parseUtc, type UtcMs } from '../core/time.ts';
import { SOAP } from '../uplink/soap.ts';
import { DSIG, WSSE, WSU } from '../uplink/ws-security.ts';

/**
 * The operator's side of WS-Security, made apart from the gateway's: libxml2 parses and canonicalises, and elements are taken from
 * their places, not looked up by whoever names them.
 */
export interface SealTrust {
  readonly trusted: readonly X509Certificate[];
  readonly now: UtcMs;
  readonly windowMs: Millis;
}

/** The document of a message whose signature holds, as it was signed. Throws Error with the reason when it does not. */
export function checkedDocument(text: string, trust: SealTrust): string {
  if (/<!DOCTYPE/i.test(text)) throw new Error('a document type declaration is not allowed');
  const envelope = XmlDocument.fromString(text);
  try {
    return signedDocument(envelope.root, trust);
  } finally {
    envelope.dispose();
  }
}

function signedDocument(envelope: XmlElement, trust: SealTrust): string {
  if (!isElement(envelope, SOAP, 'Envelope')) throw new Error('not a SOAP 1.1 Envelope');
  const body = onlyChild(envelope, SOAP, 'Body');
  const security = onlyChild(onlyChild(envelope, SOAP, 'Header'), WSSE, 'Security');
  const timestamp = onlyChild(security, WSU, 'Timestamp');
  const signature = onlyChild(security, DSIG, 'Signature');
  const info = onlyChild(signature, DSIG, 'SignedInfo');

  const signer = certificateOf(security, trust.trusted);
  const value = Buffer.from(onlyChild(signature, DSIG, 'SignatureValue').content, 'base64');
  if (!verify('RSA-SHA256', Buffer.from(canonical(info)), signer.publicKey, value))
    throw new Error('the signature value does not fit SignedInfo');
  const references = children(info, DSIG, 'Reference');
  const digests = new Map(references.map((reference) => [attribute(reference, '', 'URI'), reference]));
  for (const element of [body, timestamp]) checkDigest(element, digests.get(`#${attribute(element, WSU, 'Id')}`));
  checkFresh(timestamp, trust);
  const [document, second] = elements(body);
  if (!document || second) throw new Error('the Body must hold exactly one document');
  return canonical(document);
}

function certificateOf(security: XmlElement, trusted: readonly X509Certificate[]): X509Certificate {
  const sent = Buffer.from(onlyChild(security, WSSE, 'BinarySecurityToken').content, 'base64');
  const known = trusted.find(({ raw }) => raw.equals(sent));
  if (!known) throw new Error('the certificate of the signature is not registered');
  return known;
}

function checkDigest(element: XmlElement, reference: XmlElement | undefined): void {
  if (!reference) throw new Error(`the ${element.name} is not signed`);
  const told = onlyChild(reference, DSIG, 'DigestValue').content.trim();
  const found = createHash('sha256').update(canonical(element)).digest('base64');
  if (told !== found) throw new Error(`the ${element.name} is not what was signed`);
}

function canonical(element: XmlElement): string {
  return element.canonicalizeToString({ mode: XmlC14NMode.XML_C14N_EXCLUSIVE_1_0 });
}

function checkFresh(timestamp: XmlElement, { now, windowMs }: SealTrust): void {
  const at = parseUtc(onlyChild(timestamp, WSU, 'Created').content);
  if (Math.abs(now - at) > windowMs) throw new Error(`the message is of ${isoUtc(at)}, the clock shows ${isoUtc(now)}`);
}

function isElement(element: XmlElement, namespace: string, name: string): boolean {
  return element.name === name && element.namespaceUri === namespace;
}

function elements(parent: XmlElement): XmlElement[] {
  const found: XmlElement[] = [];
  for (let node = parent.firstChild; node; node = node.next) if (node instanceof XmlElement) found.push(node);
  return found;
}

function children(parent: XmlElement, namespace: string, name: string): XmlElement[] {
  return elements(parent).filter((child) => isElement(child, namespace, name));
}

function onlyChild(parent: XmlElement, namespace: string, name: string): XmlElement {
  const [found, second] = children(parent, namespace, name);
  if (!found || second) throw new Error(`${parent.name} must hold exactly one ${name}`);
  return found;
}

function attribute(element: XmlElement, namespace: string, name: string): string | undefined {
  return element.attrs.find((candidate) => candidate.name === name && candidate.namespaceUri === namespace)?.value;
}
