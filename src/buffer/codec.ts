import { type Decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { CHANNEL_UNIT, type Channel } from '../core/interval.ts';
import { QUANTITIES, type Quantity, UNITS } from '../core/quantity.ts';
import type { MeterFlag, Reading, ReadingSource } from '../core/reading.ts';
import { remembering } from '../core/remember.ts';
import { parseUtc } from '../core/time.ts';
import type { Damage, ReadingRef } from './api.ts';
import type { Row } from './frame.ts';
import { keyParts } from './keys.ts';
import { asArray, asBoolean, asNameOf, asObject, asText, asTuple, asWhole, asWord, isNameOf } from './narrow.ts';

/**
 * Payloads: what a key says already is not said again. Decimals are text. Readings, by far the most rows, are arrays;
 * everything else names its fields.
 */

export function isChannel(text: string | undefined): text is Channel {
  return isNameOf(text, CHANNEL_UNIT);
}

const KINDS: ReadonlySet<'c' | 'i'> = new Set(['c', 'i']);
const SOURCES: ReadonlySet<ReadingSource> = new Set(['sampled', 'stored']);
const FLAGS: ReadonlySet<MeterFlag> = new Set([
  'alarm',
  'disturbed',
  'power-failed',
  'clock-set',
  'clock-invalid',
  'low-battery',
  'wall-stepped',
]);

/** Text that reads back to the same coefficient and exponent: `12.340`, and `12e3` where the exponent is positive. */
export function decimalToText(value: Decimal): string {
  return value.exponent > 0 ? `${value.coefficient}e${value.exponent}` : decimalText(value);
}

export function readDecimal(value: unknown): Decimal {
  const [mantissa = '', power] = asText(value).split('e');
  const plain = parseDecimal(mantissa);
  return power === undefined ? plain : { coefficient: plain.coefficient, exponent: Number(power) };
}

/** The parts of a key of this kind, its first part left out. */
export function partsOf(key: string, kind: string, count: number): readonly string[] {
  const [first, ...rest] = keyParts(key);
  if (first !== kind || rest.length !== count) throw new TypeError(`not a key of ${count} parts below ${kind}/`);
  return rest;
}

// --- readings: a row holds those of one device, source and instant, each
// [quantity, c|i, value, unit, uncertainty, delay until read, flags, raw, contradicts?]
// and, where the meter took another's place, when it was seen there first

export interface StoredReading {
  readonly reading: Reading;
  /** It contradicts the reading that is served for its instant. */
  readonly contradicts: boolean;
}

export function encodeReadings(stored: readonly StoredReading[]): unknown {
  return stored.map(({ reading, contradicts }) => {
    const { quantity, kind, value, unit, uncertaintyMs, readAt, at, flags, raw, meterSince } = reading;
    const short = kind === 'counter' ? 'c' : 'i';
    const said = [quantity, short, decimalToText(value), unit, uncertaintyMs, readAt - at, flags, raw, contradicts];
    return meterSince === undefined ? said : [...said, meterSince];
  });
}

export function decodeReadings(row: Row): StoredReading[] | Damage {
  return decoding(row, () => {
    const of = readReadingsKey(row.key);
    return readingTuples(row.payload).map(([quantity, said]) => readingOf(of, quantity, said));
  });
}

/** Decodes of a row only one quantity: most rows have ten, and who reads a day wants one of them. */
export const decodeReadingsOf = remembering(
  (wanted: Quantity) =>
    (row: Row): StoredReading[] | Damage =>
      decoding(row, () => {
        const said = readingTuples(row.payload).filter(([quantity]) => quantity === wanted);
        if (said.length === 0) return [];
        const of = readReadingsKey(row.key);
        return said.map(([quantity, one]) => readingOf(of, quantity, one));
      }),
);

/** What a row has, without the values. */
export function decodeReadingRefs(row: Row): ReadingRef[] | Damage {
  return decoding(row, () => {
    const of = readReadingsKey(row.key);
    return readingTuples(row.payload).map(([quantity]) => ({ ...of, quantity }));
  });
}

function readReadingsKey(key: string): Pick<Reading, 'device' | 'at' | 'source'> {
  const [day = '', device = '', source, time = ''] = partsOf(key, 'r', 4);
  return { device, at: parseUtc(`${day}T${time.split('~')[0]}`), source: asWord(source, SOURCES) };
}

function readingTuples(payload: unknown): (readonly [Quantity, readonly unknown[]])[] {
  return asArray(payload).map((one) => {
    const said = asTuple(one, asArray(one).length === 10 ? 10 : 9);
    return [asNameOf(said[0], QUANTITIES), said] as const;
  });
}

function readingOf(
  { device, at, source }: Pick<Reading, 'device' | 'at' | 'source'>,
  quantity: Quantity,
  said: readonly unknown[],
): StoredReading {
  const [, kind, value, unit, uncertaintyMs, delay, flags, raw, contradicts, meterSince] = said;
  const reading: Reading = {
    device,
    quantity,
    kind: asWord(kind, KINDS) === 'c' ? 'counter' : 'instantaneous',
    value: readDecimal(value),
    unit: asNameOf(unit, UNITS),
    at,
    source,
    uncertaintyMs: asWhole(uncertaintyMs),
    readAt: at + asWhole(delay),
    flags: asArray(flags).map((flag) => asWord(flag, FLAGS)),
    raw: asText(raw),
    ...(meterSince !== undefined && { meterSince: asWhole(meterSince) }),
  };
  return { contradicts: asBoolean(contradicts), reading };
}

// --- readings as version 1 had them, one to a row: r/<device>/<quantity>/<at>/<source>

export function decodeReading1(row: Row): StoredReading | Damage {
  return decoding(row, () => {
    const [device = '', quantity, time = '', last = ''] = partsOf(row.key, 'r', 4);
    const of = { device, at: parseUtc(time), source: asWord(last.split('~')[0], SOURCES) };
    return readingOf(of, asNameOf(quantity, QUANTITIES), [quantity, ...asTuple(row.payload, 8)]);
  });
}

// --- journal entries: [key, checksum] of each row written

export type Entry = readonly (readonly [key: string, checksum: string])[];

export function decodeEntry(row: Row): Entry | Damage {
  return decoding(row, () =>
    asArray(row.payload).map((one) => {
      const [key, checksum] = asTuple(one, 2);
      return [asText(key), asText(checksum)] as const;
    }),
  );
}

// --- cursors

export function decodeCursor(row: Row): { readonly sequence: number } | Damage {
  return decoding(row, () => ({ sequence: asWhole(asObject(row.payload).sequence) }));
}

/** A payload that fits its checksum but not its format is damage too: it is never half-decoded. */
export function decoding<T>(row: Row, decode: () => T): T | Damage {
  try {
    return decode();
  } catch (error) {
    return { key: row.key, detail: `the checksum fits but the content does not: ${String(error)}` };
  }
}
