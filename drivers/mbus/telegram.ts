import { type Failure, failure, OdecetError } from '../../src/core/failure.ts';
import { Cursor } from './cursor.ts';
import { readFixed } from './fixed.ts';
import { type Frame, parseFrame } from './frame.ts';
import { type MbusHeader, readLongHeader, readShortHeader } from './header.ts';
import { hexByte } from './hex.ts';
import { type Records, readRecords } from './record.ts';

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

/** A whole frame as it stands on the wire, from 68 to 16. Never throws on any bytes. */
export function decodeTelegram(bytes: Uint8Array): Decoded {
  const parsed = parseFrame(bytes);
  switch (parsed.state) {
    case 'broken':
      return { ok: false, failure: parsed.failure };
    case 'more':
      return refuse('frame-truncated', `${bytes.length} byte(s) came and at least ${parsed.missing} are missing`);
    case 'complete':
      return decodeFrame(parsed.frame);
  }
}

/** The application layer of a frame whose link layer is good. */
export function decodeFrame(frame: Frame): Decoded {
  if (frame.kind !== 'long') return refuse('wrong-function', `a ${frame.kind} frame carries no data`);
  if (frame.ci === CI_APPLICATION_ERROR) return { ok: false, failure: applicationError(frame.data) };
  try {
    return { ok: true, telegram: { address: frame.address, ...readApplication(frame.ci, new Cursor(frame.data)) } };
  } catch (error) {
    if (error instanceof OdecetError) return { ok: false, failure: error.failure };
    throw error;
  }
}

function readApplication(ci: number, cursor: Cursor): Records & { header: MbusHeader } {
  switch (ci) {
    case CI_LONG_HEADER:
      return { header: readLongHeader(cursor), ...readRecords(cursor) };
    case CI_SHORT_HEADER:
      return { header: readShortHeader(cursor), ...readRecords(cursor) };
    case CI_NO_HEADER:
      return { header: {}, ...readRecords(cursor) };
    case CI_FIXED:
      return { ...readFixed(cursor), manufacturerData: undefined, moreFollows: false };
    default:
      // 76 and 77 are 72 and 73 with the high byte first, a mode that EN 13757-3 no longer has.
      throw new OdecetError('frame-unsupported', `CI ${hexByte(ci)}; this driver decodes 72, 73, 78 and 7a`);
  }
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
