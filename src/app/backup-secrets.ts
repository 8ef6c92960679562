/**
 * What a backup without a passphrase must not have. A secret is known by the name of the field that names its file, by what
 * stands in it, or by its place in an address.
 */
const SECRET = /key|password|passphrase|pin|secret|token/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
const MASK = 'masked';
/** user:password@ of an address. */
const USER_INFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]+@/gi;
/** A parameter of an address, by its name. */
const PARAMETER = /([?&;](?:[\w.-]*(?:key|pass|pwd|secret|token|auth|sig|user|login)[\w.-]*)=)[^\s&;#"']+/gi;

export function isSecretName(name: string): boolean {
  return SECRET.test(name);
}

export function hasPrivateKey(bytes: Uint8Array): boolean {
  return PRIVATE_KEY.test(Buffer.from(bytes).toString('latin1'));
}

/** A site file without the user names, passwords and keys that stand in its addresses, also in those commented out. */
export function withoutSecrets(siteYaml: string): { readonly text: string; readonly masked: number } {
  let masked = 0;
  const mask = (_: string, before: string, after: string): string => {
    masked++;
    return `${before}${MASK}${after}`;
  };
  const text = siteYaml
    .replace(USER_INFO, (all, scheme: string) => mask(all, scheme, '@'))
    .replace(PARAMETER, (all, name: string) => mask(all, name, ''));
  return { text, masked };
}
