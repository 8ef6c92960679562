import type { Decrypt } from '../../src/core/driver.ts';
import { type Failure, failure, OdecetError } from '../../src/core/failure.ts';
import { type ByteOrder, Cursor } from './cursor.ts';
import { readFixed } from './fixed.ts';
import { controlFault, type Frame, parseFrame } from './frame.ts';
import { type MbusHeader, readLongHeader, readShortHeader } from './header.ts';
import { hexByte } from './hex.ts';
import { type Records, readRecords } from './record.ts';
import { openTelegram } from './security.ts';

/** One decoded answer. A frame is decoded whole or refused whole. */
export interface MbusTelegram extends Records {
  /** Primary address in the frame. */
  readonly address: number;
  readonly header: MbusHeader;
}

export type Decoded =
  | { readonly ok: true; readonly telegram: MbusTelegram }
  | { readonly ok: false; readonly failure: Failure };

const CI_APPLICATION_ERROR = 0x70;
const CI_LONG_HEADER = 0x72;
const CI_FIXED = 0x73;
const CI_NO_HEADER = 0x78;
const CI_SHORT_HEADER = 0x7a;
const CI_LONG_HEADER_HIGH_FIRST = 0x76;
const CI_FIXED_HIGH_FIRST = 0x77;

/** EN 13757-3:2018 table 27, the byte after CI 70. */
const APPLICATION_ERRORS: Record<number, string> = {
  0: 'unspecified error',
  1: 'CI field not implemented',
  2: 'buffer too long',
  3: 'too many records',
  4: 'premature end of record',
  5: 'more than 10 DIFEs',
  6: 'more than 10 VIFEs',
  7: 'reserved error code 07',
  9: 'too many readouts',
};
const APPLICATION_IS_BUSY = 0x08;

/**
 * A whole frame as it stands on the wire, from 68 to 16. Never throws on any bytes.
 * @param decrypt opens what the meter encrypted; without it such a telegram is refused
 */
export function decodeTelegram(bytes: Uint8Array, decrypt?: Decrypt): Decoded {
  const parsed = parseFrame(bytes);
  switch (parsed.state) {
    case 'broken':
      return { ok: false, failure: parsed.failure };
    case 'more':
      return refuse('frame-truncated', `${bytes.length} byte(s) came and at least ${parsed.missing} are missing`);
    case 'complete': {
      const fault = controlFault(parsed.frame);
      return fault ? { ok: false, failure: fault } : decodeFrame(parsed.frame, decrypt);
    }
  }
}

/** The application layer of an answer whose link layer is good. */
export function decodeFrame(frame: Frame, decrypt?: Decrypt): Decoded {
  if (frame.kind !== 'long') return refuse('wrong-function', `a ${frame.kind} frame carries no data`);
  if (frame.ci === CI_APPLICATION_ERROR) return { ok: false, failure: applicationError(frame.data) };
  try {
    const application = readApplication(frame.ci, frame.data, decrypt);
    return { ok: true, telegram: { address: frame.address, ...application } };
  } catch (error) {
    if (error instanceof OdecetError) return { ok: false, failure: error.failure };
    throw error;
  }
}

function readApplication(ci: number, data: Uint8Array, decrypt: Decrypt | undefined): Records & { header: MbusHeader } {
  const cursor = new Cursor(data, byteOrder(ci));
  switch (ci) {
    case CI_LONG_HEADER:
    case CI_LONG_HEADER_HIGH_FIRST: {
      const header = readLongHeader(cursor);
      return { header, ...openedRecords(cursor, header, decrypt) };
    }
    case CI_SHORT_HEADER: {
      const header = readShortHeader(cursor);
      return { header, ...openedRecords(cursor, header, decrypt) };
    }
    case CI_NO_HEADER:
      return { header: {}, ...readRecords(cursor) };
    case CI_FIXED:
    case CI_FIXED_HIGH_FIRST:
      return { ...readFixed(cursor), manufacturerData: undefined, moreFollows: false };
    default:
      throw new OdecetError('frame-unsupported', `CI ${hexByte(ci)}; this driver decodes 72, 73, 76, 77, 78 and 7a`);
  }
}

function openedRecords(behindHeader: Cursor, header: MbusHeader, decrypt: Decrypt | undefined): Records {
  const { cursor, encryptedEnd } = openTelegram(behindHeader, header, decrypt);
  return readRecords(cursor, encryptedEnd);
}

/** Mode 2 (EN 1434-3:1997): every field of several bytes, be it a number, a date, a text or the id, comes high byte first. */
export function byteOrder(ci: number): ByteOrder {
  return ci === CI_LONG_HEADER_HIGH_FIRST || ci === CI_FIXED_HIGH_FIRST ? 'high-first' : 'low-first';
}

function applicationError(data: Uint8Array): Failure {
  const code = data[0];
  if (code === APPLICATION_IS_BUSY) return failure('device-busy', 'application busy (CI 70, code 08)');
  const what = code === undefined ? 'no code given' : (APPLICATION_ERRORS[code] ?? `unknown code ${hexByte(code)}`);
  return failure('device-exception', `application error (CI 70): ${what}`);
}

function refuse(code: Failure['code'], detail: string): Decoded {
  return { ok: false, failure: failure(code, detail) };
}
