/** Who reads a site file, a log or a backup is not to read what opens a service: secrets belong in files of their own. */
const MASK = 'masked';
/** user:password@ of an address. */
const USER_INFO = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'@]+@/gi;
/** A parameter of an address, by its name. */
const PARAMETER = /([?&;](?:[\w.-]*(?:key|pass|pwd|secret|token|auth|sig|user|login)[\w.-]*)=)[^\s&;#"']+/gi;

/** A text without the user names, passwords and keys that stand in its addresses, and how many were masked. */
export function withoutSecrets(given: string): { readonly text: string; readonly masked: number } {
  let masked = 0;
  const mask = (_: string, before: string, after: string): string => {
    masked++;
    return `${before}${MASK}${after}`;
  };
  const text = given
    .replace(USER_INFO, (all, scheme: string) => mask(all, scheme, '@'))
    .replace(PARAMETER, (all, name: string) => mask(all, name, ''));
  return { text, masked };
}
