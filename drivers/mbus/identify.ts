import { Cursor } from './cursor.ts';
import { answerFault, parseFrame } from './frame.ts';
import { type MbusHeader, readId, readLongHeader } from './header.ts';
import type { SecondaryAddress } from './secondary.ts';

const CI_LONG_HEADER = 0x72;
const CI_FIXED = 0x73;
const LONG_HEADER_BYTES = 12;
const ACK = 0xe5;

/** Exactly one acknowledgement: several meters that answer at the same time may look like that too. */
export function isAck(bytes: Uint8Array): boolean {
  return bytes.length === 1 && bytes[0] === ACK;
}

/**
 * Who sent these bytes, if they are exactly one good answer of the device asked. The records need not be readable: a meter that
 * encrypts is found as well. Empty where the answer has no header that says it.
 */
export function identify(bytes: Uint8Array, address: number): MbusHeader | undefined {
  const parsed = parseFrame(bytes);
  if (parsed.state !== 'complete' || parsed.frame.kind !== 'long') return undefined;
  const { frame } = parsed;
  if (answerFault(frame, address)) return undefined;
  if (frame.ci === CI_LONG_HEADER && frame.data.length >= LONG_HEADER_BYTES) {
    return readLongHeader(new Cursor(frame.data));
  }
  if (frame.ci === CI_FIXED && frame.data.length >= 4) return { id: readId(new Cursor(frame.data)) };
  return {};
}

/** The whole secondary address of a header; undefined without an id. */
export function addressOf({ id, manufacturerCode, version, mediumCode }: MbusHeader): SecondaryAddress | undefined {
  if (id === undefined) return undefined;
  return {
    id,
    ...(manufacturerCode === undefined ? {} : { manufacturerCode }),
    ...(version === undefined ? {} : { version }),
    ...(mediumCode === undefined ? {} : { mediumCode }),
  };
}
