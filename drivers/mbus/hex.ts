const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** One byte as two lower-case hex digits. */
export function hexByte(byte: number): string {
  return PAIRS[byte & 0xff]!;
}

/** Lower-case hex of bytes[from, to). */
export function hex(bytes: Uint8Array, from = 0, to = bytes.length): string {
  let text = '';
  for (let at = from; at < to; at++) text += PAIRS[bytes[at]!];
  return text;
}
