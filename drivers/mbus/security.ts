import type { Decrypt } from '../../src/core/driver.ts';
import { OdecetError } from '../../src/core/failure.ts';
import { Cursor } from './cursor.ts';
import type { MbusHeader } from './header.ts';
import { hexByte } from './hex.ts';

/**
 * Encrypted telegrams (EN 13757-7:2018, 7.6). Mode 5 is AES-128 in cipher block chaining over a number of blocks that the
 * configuration field names; what follows them is plain. The other modes are refused by name, and those without one by number:
 * a telegram that may be encrypted is never read as if it were plain.
 */
const MODE_PLAIN = 0;
const MODE_AES_CBC = 5;
const OTHER_MODES: Record<number, string> = {
  1: 'a mode of the manufacturer',
  2: 'DES in cipher block chaining',
  3: 'DES in cipher block chaining',
  4: 'AES-128 in cipher block chaining without initialisation vector',
  7: 'AES-128 under a derived key',
  8: 'AES-128 in counter mode',
  9: 'AES-128 in Galois counter mode',
  10: 'AES-128 in CCM',
  13: 'TLS',
};
const BLOCK_BYTES = 16;
/** Two idle fillers begin the plain text, so that a wrong key shows before any value is read. */
const IDLE_FILLER = 0x2f;
/** Where manufacturer, access number and the rest of the long header begin. */
const MANUFACTURER_AT = 4;
const VERSION_AT = 6;
const ACCESS_NUMBER_AT = 8;

/** The records in plain, and where those bytes of them end that were encrypted, if any were. */
interface Opened {
  readonly cursor: Cursor;
  readonly encryptedEnd?: number;
}

/**
 * The records in plain: under the cursor itself, or under one over the opened blocks and what follows them.
 * @param cursor stands behind the header, which begins at byte 0
 */
export function openTelegram(cursor: Cursor, header: MbusHeader, decrypt: Decrypt | undefined): Opened {
  if (!isEncrypted(header)) return { cursor };
  const configuration = header.signature ?? 0;
  const mode = modeOf(header);
  if (mode !== MODE_AES_CBC) {
    const what = OTHER_MODES[mode] ?? 'reserved';
    throw new OdecetError('frame-unsupported', `the telegram is encrypted, security mode ${mode} (${what})`);
  }
  if (header.id === undefined) {
    const why = 'its short header lacks the address that the initialisation vector is made of';
    throw new OdecetError('frame-unsupported', `the telegram is encrypted (mode 5) and ${why}`);
  }
  if (cursor.order === 'high-first') {
    throw new OdecetError(
      'frame-unsupported',
      'security mode 5 and the high byte first (CI 76): no standard knows both',
    );
  }
  const length = ((configuration >> 4) & 0x0f) * BLOCK_BYTES;
  if (length === 0) throw new OdecetError('frame-unsupported', 'security mode 5 with no encrypted block');
  if (!decrypt) {
    throw new OdecetError('telegram-encrypted', `meter ${header.id}, security mode 5; name its key as keyFile`);
  }
  const at = cursor.skip(length);
  const plain = decrypt(initialisationVector(cursor.bytes), cursor.bytes.subarray(at, at + length));
  if (plain[0] !== IDLE_FILLER || plain[1] !== IDLE_FILLER) {
    const found = `${hexByte(plain[0] ?? 0)} ${hexByte(plain[1] ?? 0)}`;
    throw new OdecetError(
      'telegram-key-wrong',
      `meter ${header.id}: opened, it begins with ${found} and not with 2f 2f`,
    );
  }
  const all = new Uint8Array(length + cursor.left);
  all.set(plain);
  all.set(cursor.bytes.subarray(cursor.at, cursor.end), length);
  return { cursor: new Cursor(all), encryptedEnd: length };
}

export function isEncrypted(header: MbusHeader): boolean {
  const mode = modeOf(header);
  return mode !== MODE_PLAIN && !isOldSignature(header, mode);
}

function modeOf({ signature = 0 }: MbusHeader): number {
  return (signature >> 8) & 0x1f;
}

/** 16 to 31 are no modes: the field has five bits since 2018 and none of them has been given a meaning. */
const MODE_MAX = 15;
const AQUAMETRO = 'AMT';

/**
 * Aquametro AMTRON and its relatives, older than the configuration field, put something of their own there (b627 in a recorded
 * frame, ffff elsewhere) and send plain text.
 */
function isOldSignature({ manufacturer }: MbusHeader, mode: number): boolean {
  return manufacturer === AQUAMETRO && mode > MODE_MAX;
}

/** Mode 5: manufacturer, id, version and medium as they stand in the header, then eight times the access number. */
function initialisationVector(header: Uint8Array): Uint8Array {
  const vector = new Uint8Array(BLOCK_BYTES).fill(header[ACCESS_NUMBER_AT]!);
  vector.set(header.subarray(MANUFACTURER_AT, VERSION_AT));
  vector.set(header.subarray(0, MANUFACTURER_AT), 2);
  vector.set(header.subarray(VERSION_AT, ACCESS_NUMBER_AT), 6);
  return vector;
}
