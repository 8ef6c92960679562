import { OdecetError } from '../core/failure.ts';
import { isoUtc } from '../core/time.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Seal, SealCrypto, StampedFor } from '../machine/sealer.ts';
import { canonical } from './canonical.ts';
import { quickCanonical } from './quick-canonical.ts';
import { bodyOf, envelopeOf, inBody, withoutDeclaration } from './soap.ts';
import { parseXml } from './xml.ts';

/**
 * WS-Security 1.0 with an X.509 token: Body and Timestamp signed RSA-SHA256 over exclusive canonical XML. Which algorithms
 * the operator asks for is not public; this is the usual profile, and both names stand here once.
 */
export const WSSE = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd';
export const WSU = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd';
export const DSIG = 'http://www.w3.org/2000/09/xmldsig#';
export const EXCLUSIVE_C14N = 'http://www.w3.org/2001/10/xml-exc-c14n#';
export const RSA_SHA256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256';
export const SHA256 = 'http://www.w3.org/2001/04/xmlenc#sha256';
const X509_TOKEN = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3';
const BASE64 = 'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary';

/** A longer message is refused, and a longer answer too: no market document of whole days comes near it. */
export const SIGNED_CHARACTERS_MAX = 100_000;

/** What sealing asks of the machine. */
export interface SealMachine {
  readonly entropy: Entropy;
  readonly crypto: SealCrypto;
}

/**
 * The document in a signed envelope. Each signed part goes out in its canonical form, so the bytes sent are the bytes signed. Every
 * part declares the namespaces it uses, so its form is the same alone and in its place (Exclusive XML Canonicalization 1.0, 1.3).
 * Throws OdecetError message-too-large, certificate-unreadable or key-unreadable, and Error when the document is not well-formed.
 */
export function sealEnvelope(document: string, seal: Seal, machine: SealMachine, stamped: StampedFor): string {
  if (document.length > SIGNED_CHARACTERS_MAX)
    throw new OdecetError(
      'message-too-large',
      `the document has ${document.length} characters, at most ${SIGNED_CHARACTERS_MAX} can be signed; send fewer points in one message`,
    );
  const { entropy, crypto } = machine;
  const mark = hex(entropy.bytes(8));
  const token = securityToken(seal, mark);
  const body = canonicalBody(document, `xmlns:wsu="${WSU}" wsu:Id="body-${mark}"`);
  const timestamp = canonicalText(timestampOf(stamped, mark));
  const info = canonicalText(
    signedInfo([
      [`#body-${mark}`, crypto.digest(body)],
      [`#timestamp-${mark}`, crypto.digest(timestamp)],
    ]),
  );
  const signature =
    `<ds:Signature xmlns:ds="${DSIG}">${info}<ds:SignatureValue>${signatureOf(info, seal, crypto)}</ds:SignatureValue>` +
    `<ds:KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI="#token-${mark}" ValueType="${X509_TOKEN}"/>` +
    '</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>';
  const security = `<wsse:Security xmlns:wsse="${WSSE}" soap:mustUnderstand="1">${token}${timestamp}${signature}</wsse:Security>`;
  return envelopeOf(body, security);
}

/** Exclusive: around an element without prefixes the Body changes nothing of it. */
function canonicalBody(document: string, attributes: string): string {
  const element = quickCanonical(withoutDeclaration(document));
  return element === undefined ? canonicalText(bodyOf(document, attributes)) : inBody(element, attributes);
}

function canonicalText(xml: string): string {
  return canonical(parseXml(xml));
}

/** Nothing in the header needs escaping: base64, instants, and names of our own. */
function securityToken({ certificatePem }: Seal, mark: string): string {
  const [token] = certificates(certificatePem);
  return (
    `<wsse:BinarySecurityToken xmlns:wsu="${WSU}" wsu:Id="token-${mark}" ValueType="${X509_TOKEN}" ` +
    `EncodingType="${BASE64}">${token}</wsse:BinarySecurityToken>`
  );
}

function timestampOf({ now, validMs }: StampedFor, mark: string): string {
  return (
    `<wsu:Timestamp xmlns:wsu="${WSU}" wsu:Id="timestamp-${mark}"><wsu:Created>${isoUtc(now)}</wsu:Created>` +
    `<wsu:Expires>${isoUtc(now + validMs)}</wsu:Expires></wsu:Timestamp>`
  );
}

function signedInfo(parts: readonly (readonly [uri: string, digest: string])[]): string {
  const references = parts.map(
    ([uri, digest]) =>
      `<ds:Reference URI="${uri}"><ds:Transforms><ds:Transform Algorithm="${EXCLUSIVE_C14N}"/></ds:Transforms>` +
      `<ds:DigestMethod Algorithm="${SHA256}"/><ds:DigestValue>${digest}</ds:DigestValue></ds:Reference>`,
  );
  return (
    `<ds:SignedInfo xmlns:ds="${DSIG}"><ds:CanonicalizationMethod Algorithm="${EXCLUSIVE_C14N}"/>` +
    `<ds:SignatureMethod Algorithm="${RSA_SHA256}"/>${references.join('')}</ds:SignedInfo>`
  );
}

function signatureOf(text: string, { keyPem }: Seal, crypto: SealCrypto): string {
  try {
    return crypto.sign(text, keyPem);
  } catch (cause) {
    throw new OdecetError('key-unreadable', 'the seal key does not sign; give an RSA key in PEM form', { cause });
  }
}

/** The certificates of a PEM text as base64 of their DER. Throws OdecetError certificate-unreadable when there is none. */
export function certificates(pem: string): string[] {
  const found = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  if (found.length === 0)
    throw new OdecetError('certificate-unreadable', 'no "BEGIN CERTIFICATE" block; give the certificate in PEM form');
  return found.map((match) => match[1]!.replaceAll(/\s/g, ''));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
