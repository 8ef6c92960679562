/**
 * Check digits of market identifiers. EIC: 16 characters, the last computed with weights 16..2 modulo 37.
 * GS1 (EAN-13, EAN-18): weights 3,1,3,1 from the right, modulo 10. Both verified against published codes.
 */
const EIC_ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-';

/** The check character for the first 15 characters, or undefined when they are not EIC characters or give none ('-'). */
export function eicCheckCharacter(payload: string): string | undefined {
  if (!/^[0-9A-Z-]{15}$/.test(payload)) return undefined;
  let sum = 0;
  for (let i = 0; i < 15; i++) sum += EIC_ALPHABET.indexOf(payload[i]!) * (16 - i);
  const index = 36 - ((sum - 1) % 37);
  return index === 36 ? undefined : EIC_ALPHABET[index];
}

export function isEic(code: string): boolean {
  return code.length === 16 && eicCheckCharacter(code.slice(0, 15)) === code[15];
}

export function gs1CheckDigit(payload: string): string | undefined {
  if (!/^\d+$/.test(payload)) return undefined;
  let sum = 0;
  for (let i = 0; i < payload.length; i++) sum += Number(payload[payload.length - 1 - i]) * (i % 2 === 0 ? 3 : 1);
  return String((10 - (sum % 10)) % 10);
}

function isGs1(code: string, length: number): boolean {
  return code.length === length && gs1CheckDigit(code.slice(0, -1)) === code.at(-1);
}

/** A delivery point of electricity. */
export function isEan18(code: string): boolean {
  return isGs1(code, 18);
}

/** A market participant in electricity (GLN). */
export function isEan13(code: string): boolean {
  return isGs1(code, 13);
}
