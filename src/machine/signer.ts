/** Ed25519 (RFC 8032). A public key is 32 bytes as base64url text, as it stands in a registry line. */
export interface Signer {
  readonly publicKey: string;
  /** 64 bytes; the same for the same bytes. */
  sign(bytes: Uint8Array): Uint8Array;
}

/** What needs no key of our own. */
export interface Codec {
  /** False also for a key or signature that is none. */
  verify(publicKey: string, bytes: Uint8Array, signature: Uint8Array): boolean;
  /** SHA-256 as 64 hex digits. */
  sha256(bytes: Uint8Array): string;
  gzip(bytes: Uint8Array): Uint8Array;
  /** Undefined when it is not gzip, or would become longer than `bytesMax`. */
  gunzip(bytes: Uint8Array, bytesMax: number): Uint8Array | undefined;
}
