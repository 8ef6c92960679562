/** Two lower-case digits for each byte. */
export function hexOf(bytes: Uint8Array, between = ''): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between);
}
