import { SignedXml } from 'xml-crypto';
import { OdecetError } from '../core/failure.ts';
import { isoUtc, type Millis, type UtcMs } from '../core/time.ts';
import type { Entropy } from '../machine/entropy.ts';
import { SOAP, wrap } from './soap.ts';

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
 * xml-crypto's time grows with the square of the length (1 MB: 26 s with the whole program standing still), so longer
 * messages are refused. Beyond this size the work belongs to a program of its own.
 */
export const SIGNED_CHARACTERS_MAX = 100_000;

export interface Seal {
  readonly certificatePem: string;
  /** RSA private key, PEM, without a password. */
  readonly keyPem: string;
}

export interface StampedFor {
  readonly now: UtcMs;
  /** How long the receiver may take the message for fresh. */
  readonly validMs: Millis;
}

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
  const bodyId = `wsu:Id="body-${mark}" xmlns:wsu="${WSU}"`;
  const unsigned = wrap(document, securityHeader(seal, mark, stamped), bodyId);
  const signer = new SignedXml({
    idMode: 'wssecurity',
    privateKey: seal.keyPem,
    signatureAlgorithm: RSA_SHA256,
    canonicalizationAlgorithm: EXCLUSIVE_C14N,
    getKeyInfoContent: () =>
      `<wsse:SecurityTokenReference xmlns:wsse="${WSSE}"><wsse:Reference URI="#token-${mark}" ValueType="${X509_TOKEN}"/></wsse:SecurityTokenReference>`,
  });
  for (const xpath of [`/*/*[${is(SOAP, 'Body')}]`, `/*/*/*/*[${is(WSU, 'Timestamp')}]`])
    signer.addReference({ xpath, transforms: [EXCLUSIVE_C14N], digestAlgorithm: SHA256 });
  try {
    signer.computeSignature(unsigned, {
      prefix: 'ds',
      location: { reference: `/*/*/*[${is(WSSE, 'Security')}]`, action: 'append' },
    });
  } catch (cause) {
    throw new OdecetError('key-unreadable', 'the seal key does not sign; give an RSA key in PEM form', { cause });
  }
  return signer.getSignedXml();
}

/** Nothing here needs escaping: base64, instants, and names of our own. */
function securityHeader(seal: Seal, mark: string, { now, validMs }: StampedFor): string {
  const [token] = certificates(seal.certificatePem);
  return (
    `<wsse:Security xmlns:wsse="${WSSE}" xmlns:wsu="${WSU}" soap:mustUnderstand="1">` +
    `<wsse:BinarySecurityToken wsu:Id="token-${mark}" ValueType="${X509_TOKEN}" EncodingType="${BASE64}">${token}</wsse:BinarySecurityToken>` +
    `<wsu:Timestamp wsu:Id="timestamp-${mark}"><wsu:Created>${isoUtc(now)}</wsu:Created>` +
    `<wsu:Expires>${isoUtc(now + validMs)}</wsu:Expires></wsu:Timestamp></wsse:Security>`
  );
}

/** The certificates of a PEM text as base64 of their DER. Throws OdecetError certificate-unreadable when there is none. */
export function certificates(pem: string): string[] {
  const found = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)];
  if (found.length === 0)
    throw new OdecetError('certificate-unreadable', 'no "BEGIN CERTIFICATE" block; give the certificate in PEM form');
  return found.map((match) => match[1]!.replaceAll(/\s/g, ''));
}

function is(namespace: string, name: string): string {
  return `local-name()='${name}' and namespace-uri()='${namespace}'`;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
