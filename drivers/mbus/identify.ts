import { Cursor } from './cursor.ts';
import { answerFault, parseFrame } from './frame.ts';
import { type MbusHeader, readId, readLongHeader } from './header.ts';
import type { SecondaryAddress } from './secondary.ts';
import { byteOrder } from './telegram.ts';

const LONG_HEADER_CIS: readonly number[] = [0x72, 0x76];
const FIXED_CIS: readonly number[] = [0x73, 0x77];
const LONG_HEADER_BYTES = 12;
const ID_BYTES = 4;
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
  const cursor = new Cursor(frame.data, byteOrder(frame.ci));
  if (LONG_HEADER_CIS.includes(frame.ci) && cursor.left >= LONG_HEADER_BYTES) return readLongHeader(cursor);
  if (FIXED_CIS.includes(frame.ci) && cursor.left >= ID_BYTES) return { id: readId(cursor) };
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
