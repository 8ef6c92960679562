import type { PackedDocument } from '../../machine/sealer.ts';
import type { Codec, Signer } from '../../machine/signer.ts';

/**
 * What goes over the broker: the signature in hex, a line of JSON, and a body in gzip, parted by line feeds. The signature is
 * over the line as it stands, and the line names the body's hash; so nothing is unpacked before somebody is known to have
 * signed for it, and a person with any MQTT client can read the line.
 */
export interface Frame {
  readonly line: Uint8Array;
  readonly signature: Uint8Array;
  readonly packed: Uint8Array;
}

const LINE_FEED = 10;
const SIGNATURE_BYTES = 64;
/** A longer line is not read. Reasons of a rejection are the longest that stands in it. */
export const LINE_BYTES_MAX = 64_000;
/** A body, unpacked. Larger documents are not made (message-too-large). */
export const BODY_BYTES_MAX = 1_000_000;

/** Throws RangeError for a line that no reader would take: whoever makes one keeps it short. */
export function packFrame(head: object, packed: Uint8Array, signer: Signer): Uint8Array {
  const line = new TextEncoder().encode(JSON.stringify(head));
  if (line.length > LINE_BYTES_MAX) throw new RangeError(`a line of ${line.length} bytes; at most ${LINE_BYTES_MAX}`);
  const signature = new TextEncoder().encode(toHex(signer.sign(line)));
  const payload = new Uint8Array(signature.length + line.length + packed.length + 2);
  payload.set(signature, 0);
  payload[signature.length] = LINE_FEED;
  payload.set(line, signature.length + 1);
  payload[signature.length + 1 + line.length] = LINE_FEED;
  payload.set(packed, signature.length + line.length + 2);
  return payload;
}

/** Undefined when the bytes have not this form. Nothing is verified yet. */
export function openFrame(payload: Uint8Array): Frame | undefined {
  const first = SIGNATURE_BYTES * 2;
  if (payload[first] !== LINE_FEED) return undefined;
  const signature = fromHex(new TextDecoder().decode(payload.subarray(0, first)));
  const second = payload.subarray(0, first + 1 + LINE_BYTES_MAX + 1).indexOf(LINE_FEED, first + 1);
  if (!signature || second < 0) return undefined;
  return { signature, line: payload.subarray(first + 1, second), packed: payload.subarray(second + 1) };
}

/** The line as a value; undefined when it is not JSON. */
export function readLine({ line }: Frame): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line));
  } catch {
    return undefined;
  }
}

export function isSignedBy({ line, signature }: Frame, keys: readonly string[], codec: Codec): boolean {
  return keys.some((key) => codec.verify(key, line, signature));
}

/** The document, if it is the one that its hash names. */
export function unpacked({ gzip, sha256 }: PackedDocument, codec: Codec): string | undefined {
  return bodyText({ packed: gzip }, sha256, BODY_BYTES_MAX, codec);
}

/** The body's text if it is the one that the line names. */
export function bodyText(
  { packed }: Pick<Frame, 'packed'>,
  hash: string,
  bytesMax: number,
  codec: Codec,
): string | undefined {
  const bytes = codec.gunzip(packed, bytesMax);
  if (!bytes || codec.sha256(bytes) !== hash) return undefined;
  return new TextDecoder().decode(bytes);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

function fromHex(text: string): Uint8Array | undefined {
  if (!/^([0-9a-f]{2})+$/.test(text)) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let n = 0; n < bytes.length; n++) bytes[n] = Number.parseInt(text.slice(2 * n, 2 * n + 2), 16);
  return bytes;
}
