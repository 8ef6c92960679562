import { ExclusiveCanonicalization, SignedXml } from 'xml-crypto';
import { OdecetError } from '../core/failure.ts';
import { isoUtc } from '../core/time.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Seal, StampedFor } from '../machine/sealer.ts';
import { bodyOf, envelopeOf } from './soap.ts';
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

/**
 * xml-crypto's time to verify grows with the square of the length (1 MB: 26 s), so a longer message is refused, and a longer
 * answer too.
 */
export const SIGNED_CHARACTERS_MAX = 100_000;

/**
 * The document in a signed envelope.
 * Throws OdecetError message-too-large, certificate-unreadable or key-unreadable.
 */
export function sealEnvelope(document: string, seal: Seal, entropy: Entropy, stamped: StampedFor): string {
  if (document.length > SIGNED_CHARACTERS_MAX)
    throw new OdecetError(
      'message-too-large',
      `the document has ${document.length} characters, at most ${SIGNED_CHARACTERS_MAX} can be signed; send fewer points in one message`,
    );
  const mark = hex(entropy.bytes(8));
  const token = securityToken(seal, mark);
  const body = bodyOf(document, `xmlns:wsu="${WSU}" wsu:Id="body-${mark}"`);
  const timestamp = timestampOf(stamped, mark);
  const info = signedInfo([
    [`#body-${mark}`, body],
    [`#timestamp-${mark}`, timestamp],
  ]);
  const signature =
    `<ds:Signature xmlns:ds="${DSIG}">${info}<ds:SignatureValue>${signatureOf(canonical(info), seal)}</ds:SignatureValue>` +
    `<ds:KeyInfo><wsse:SecurityTokenReference><wsse:Reference URI="#token-${mark}" ValueType="${X509_TOKEN}"/>` +
    '</wsse:SecurityTokenReference></ds:KeyInfo></ds:Signature>';
  const security = `<wsse:Security xmlns:wsse="${WSSE}" soap:mustUnderstand="1">${token}${timestamp}${signature}</wsse:Security>`;
  return envelopeOf(body, security);
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

/**
 * Each part is canonicalised alone and once. It declares every namespace it uses, so its exclusive canonical form is the same in
 * its place in the envelope (Exclusive XML Canonicalization 1.0, 1.3). Signing the finished envelope with the library took four
 * times as long.
 */
function signedInfo(parts: readonly (readonly [uri: string, xml: string])[]): string {
  const references = parts.map(
    ([uri, xml]) =>
      `<ds:Reference URI="${uri}"><ds:Transforms><ds:Transform Algorithm="${EXCLUSIVE_C14N}"/></ds:Transforms>` +
      `<ds:DigestMethod Algorithm="${SHA256}"/><ds:DigestValue>${digestOf(canonical(xml))}</ds:DigestValue></ds:Reference>`,
  );
  return (
    `<ds:SignedInfo xmlns:ds="${DSIG}"><ds:CanonicalizationMethod Algorithm="${EXCLUSIVE_C14N}"/>` +
    `<ds:SignatureMethod Algorithm="${RSA_SHA256}"/>${references.join('')}</ds:SignedInfo>`
  );
}

function canonical(xml: string): string {
  return String(new ExclusiveCanonicalization().process(parseXml(xml).documentElement, {}));
}

function digestOf(text: string): string {
  return new (library(new SignedXml().HashAlgorithms, SHA256))().getHash(text);
}

function signatureOf(text: string, { keyPem }: Seal): string {
  try {
    return new (library(new SignedXml().SignatureAlgorithms, RSA_SHA256))().getSignature(text, keyPem);
  } catch (cause) {
    throw new OdecetError('key-unreadable', 'the seal key does not sign; give an RSA key in PEM form', { cause });
  }
}

function library<T>(algorithms: Readonly<Record<string, T>>, name: string): T {
  const found = algorithms[name];
  if (!found) throw new OdecetError('unexpected', `the signature library no longer knows ${name}`);
  return found;
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
