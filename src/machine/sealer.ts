import type { Failure } from '../core/failure.ts';
import type { Millis, UtcMs } from '../core/time.ts';

/** What a message is sealed with. */
export interface Seal {
  readonly certificatePem: string;
  /** RSA private key, PEM, without a password. */
  readonly keyPem: string;
}

/** A document as a site packed it. */
export interface PackedDocument {
  readonly gzip: Uint8Array;
  /** Of the document in UTF-8, 64 hex digits. */
  readonly sha256: string;
}

/** One that is packed is unpacked where it is sealed. */
export type Sealable = string | PackedDocument;

export interface StampedFor {
  readonly now: UtcMs;
  /** How long the receiver may take the message for fresh. */
  readonly validMs: Millis;
}

export interface Trust {
  /** PEM texts; each may hold several certificates. An answer must carry exactly one of them as its token. */
  readonly trusted: readonly string[];
  readonly now: UtcMs;
  /** How far the answer's Timestamp may be from our clock, either way. */
  readonly windowMs: Millis;
}

export type Verified =
  /** `body`: the Body as canonical text, exactly what the signature covers. Read this, never the message. */
  { readonly ok: true; readonly body: string } | { readonly ok: false; readonly failure: Failure };

/**
 * Signs and verifies envelopes somewhere else than where meters are read: 100,000 characters take long enough that the program
 * would otherwise miss answers on its lines.
 */
export interface Sealer {
  /**
   * The document in a signed envelope, UTF-8. Rejects with OdecetError message-too-large, certificate-unreadable or
   * key-unreadable, store-damaged when a packed document is not the one that its hash names, and unexpected when the work broke
   * off.
   */
  seal(document: Sealable, stamped: StampedFor): Promise<Uint8Array>;
  /** Rejects with OdecetError unexpected when the work broke off; whatever the text is, it does not reject. */
  verify(text: string, trust: Trust): Promise<Verified>;
  /** To be called when nothing is under way. */
  close(): Promise<void>;
}

/** RSA with SHA-256 and nothing else: what WS-Security asks of the machine. Texts are hashed and signed as UTF-8. */
export interface SealCrypto {
  /** SHA-256, base64. */
  digest(text: string): string;
  /** RSASSA-PKCS1-v1_5, base64. Throws Error when the PEM text holds no RSA private key. */
  sign(text: string, keyPem: string): string;
  /**
   * Whether the certificate's key made the signature over the text; false also for a certificate or a signature that is none.
   * @param signature base64
   * @param certificate DER, base64
   */
  fits(text: string, signature: string, certificate: string): boolean;
}
