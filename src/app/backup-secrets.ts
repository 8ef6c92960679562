/**
 * What a backup without a passphrase must not have. A secret is known by the name of the field that names its file, by what
 * stands in it, or by its place in an address (`core/address-secrets.ts`).
 */
const SECRET = /key|password|passphrase|pin|secret|token/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

export function isSecretName(name: string): boolean {
  return SECRET.test(name);
}

export function hasPrivateKey(bytes: Uint8Array): boolean {
  return PRIVATE_KEY.test(Buffer.from(bytes).toString('latin1'));
}
