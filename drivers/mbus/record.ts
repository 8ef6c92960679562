import { OdecetError } from '../../src/core/failure.ts';
import type { Cursor } from './cursor.ts';
import { latin1Reversed, type MbusValue, readData } from './data.ts';
import { hexByte } from './hex.ts';
import { extendedMeaning, MANUFACTURER, type Meaning, PLAIN_TEXT, primaryMeaning } from './vif.ts';
import { type Qualified, qualify } from './vife.ts';

export type MbusFunction = 'instantaneous' | 'maximum' | 'minimum' | 'error';

/** One data record, EN 13757-3:2018 clause 6. */
export interface MbusRecord {
  readonly function: MbusFunction;
  readonly storage: number;
  readonly tariff: number;
  readonly subunit: number;
  readonly quantity: string;
  /** Of the number; empty beside text, bytes and times, unless the meter wrote it as text itself. */
  readonly unit: string;
  readonly value: MbusValue;
  /** All VIFEs in their order, two lower-case hex digits each, extension bits removed. The byte after FB or FD is the VIF, not one of them. */
  readonly vife: readonly string[];
  /** Hex of the whole record: DIF, DIFEs, VIF, VIFEs, data. */
  readonly raw: string;
}

export interface Records {
  readonly records: readonly MbusRecord[];
  /** Hex behind DIF 0F or 1F: the manufacturer's own, not decoded. */
  readonly manufacturerData: string | undefined;
  /** DIF 1F: the meter has another telegram. */
  readonly moreFollows: boolean;
  /** Of an encrypted telegram: how many of the records, from the first, stood whole in its encrypted blocks. */
  readonly encryptedRecords?: number;
}

const FUNCTIONS = ['instantaneous', 'maximum', 'minimum', 'error'] as const;
const EXTENDED = 0x80;
const DIFE_MAX = 10;
const VIFE_MAX = 10;
const NO_VIFE: readonly string[] = [];
/** A text is not so many cubic metres, whatever the VIF says. (The text of a plain-text VIF may be any label: it is kept.) */
const UNITLESS: ReadonlySet<MbusValue['kind']> = new Set(['text', 'bytes', 'time', 'time-of-day', 'periodic']);

/** DIFs with data field F are special functions (table 7). */
const SPECIAL = 0x0f;
const MANUFACTURER_DATA = 0x0f;
const MANUFACTURER_DATA_MORE = 0x1f;
const IDLE_FILLER = 0x2f;

const VIF_FB = 0xfb;
const VIF_FD = 0xfd;
const VIF_PLAIN_TEXT = 0x7c;
const VIF_MANUFACTURER = 0x7f;

/**
 * Every record from the cursor to its end. Throws OdecetError (frame-length, frame-unsupported): all or nothing.
 * @param encryptedEnd where the bytes end that were encrypted, if any were
 */
export function readRecords(cursor: Cursor, encryptedEnd?: number): Records {
  const records: MbusRecord[] = [];
  let encryptedRecords = 0;
  const counted = () => (encryptedEnd === undefined ? {} : { encryptedRecords });
  while (cursor.left > 0) {
    const from = cursor.at;
    const dif = cursor.byte();
    if (dif === IDLE_FILLER) continue;
    if (dif === MANUFACTURER_DATA || dif === MANUFACTURER_DATA_MORE) {
      const manufacturerData = cursor.hexSince(cursor.skip(cursor.left));
      return { records, manufacturerData, moreFollows: dif === MANUFACTURER_DATA_MORE, ...counted() };
    }
    if ((dif & SPECIAL) === SPECIAL) {
      throw new OdecetError('frame-unsupported', `DIF ${hexByte(dif)} is a special function that no answer uses`);
    }
    records.push(readRecord(cursor, from, dif));
    if (encryptedEnd !== undefined && cursor.at <= encryptedEnd) encryptedRecords = records.length;
  }
  return { records, manufacturerData: undefined, moreFollows: false, ...counted() };
}

function readRecord(cursor: Cursor, from: number, dif: number): MbusRecord {
  const { storage, tariff, subunit } = readPlace(cursor, dif);
  const { meaning, vife } = readMeaning(cursor);
  const value = readData(cursor, dif & 0x0f, meaning);
  return {
    function: FUNCTIONS[(dif >> 4) & 3]!,
    storage,
    tariff,
    subunit,
    quantity: meaning.quantity,
    unit: UNITLESS.has(value.kind) && meaning.quantity !== PLAIN_TEXT.quantity ? '' : meaning.unit,
    value,
    vife,
    raw: cursor.hexSince(from),
  };
}

/** The DIF gives the lowest bit of the storage number; each DIFE four more, two of the tariff and one of the subunit. */
function readPlace(cursor: Cursor, dif: number): { storage: number; tariff: number; subunit: number } {
  let storage = (dif >> 6) & 1;
  let [tariff, subunit] = [0, 0];
  let extended = (dif & EXTENDED) !== 0;
  for (let n = 0; extended; n++) {
    if (n === DIFE_MAX) throw new OdecetError('frame-unsupported', `a record has more than ${DIFE_MAX} DIFEs`);
    const dife = cursor.byte();
    // Not by shifts: ten DIFEs make a storage number of 41 bits.
    storage += (dife & 0x0f) * 2 ** (1 + 4 * n);
    tariff += ((dife >> 4) & 3) * 2 ** (2 * n);
    subunit += ((dife >> 6) & 1) * 2 ** n;
    extended = (dife & EXTENDED) !== 0;
  }
  return { storage, tariff, subunit };
}

function readMeaning(cursor: Cursor): { meaning: Qualified; vife: readonly string[] } {
  const vif = cursor.byte();
  if (vif === VIF_FB || vif === VIF_FD) {
    const code = cursor.byte();
    return withVifes(cursor, code, extendedMeaning(vif, code));
  }
  const plain = vif & ~EXTENDED;
  if (plain === VIF_PLAIN_TEXT) return withVifes(cursor, vif, { ...PLAIN_TEXT, unit: readUnitText(cursor) });
  return withVifes(cursor, vif, plain === VIF_MANUFACTURER ? MANUFACTURER : primaryMeaning(vif));
}

/**
 * The unit as text follows the VIF at once and before any VIFE, as Elvaco CMa10 and Itron Cyble send it. EN 13757-3:2018 Annex C
 * can be read the other way round; such a telegram has no printable text here and is refused rather than guessed at.
 */
function readUnitText(cursor: Cursor): string {
  const length = cursor.byte();
  const text = latin1Reversed(cursor.bytes, cursor.field(length), length);
  if (!/^[\x20-\x7e\xa0-\xff]+$/.test(text)) {
    throw new OdecetError('frame-unsupported', 'the text of a plain-text VIF is not printable');
  }
  return text;
}

function withVifes(cursor: Cursor, last: number, meaning: Meaning): { meaning: Qualified; vife: readonly string[] } {
  if ((last & EXTENDED) === 0) return { meaning, vife: NO_VIFE };
  const codes: number[] = [];
  let vife: number;
  do {
    if (codes.length === VIFE_MAX) {
      throw new OdecetError('frame-unsupported', `a record has more than ${VIFE_MAX} VIFEs`);
    }
    vife = cursor.byte();
    codes.push(vife & ~EXTENDED);
  } while (vife & EXTENDED);
  return { meaning: qualify(meaning, codes), vife: codes.map(hexByte) };
}
