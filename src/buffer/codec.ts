import { z } from 'zod';
import { type Decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { type Boundary, CHANNEL_UNIT, type Channel, type Interval, QUALITIES } from '../core/interval.ts';
import { QUANTITIES, type Quantity, UNITS, type Unit } from '../core/quantity.ts';
import type { MeterFlag, Reading, ReadingSource } from '../core/reading.ts';
import { parseUtc } from '../core/time.ts';
import type { Damage } from './api.ts';
import type { Row } from './frame.ts';
import { keyParts } from './keys.ts';

/**
 * Payloads: what a key says already is not said again. Decimals are text. Readings, by far the most rows, are arrays;
 * everything else names its fields.
 */

export function isQuantity(text: string | undefined): text is Quantity {
  return text !== undefined && Object.hasOwn(QUANTITIES, text);
}

export function isChannel(text: string | undefined): text is Channel {
  return text !== undefined && Object.hasOwn(CHANNEL_UNIT, text);
}

const whole = z.int();
const decimalSchema = z.string().transform(readDecimal);
const unitSchema = z.custom<Unit>((value) => typeof value === 'string' && Object.hasOwn(UNITS, value));
const quantitySchema = z.custom<Quantity>((value) => typeof value === 'string' && isQuantity(value));
export const channelSchema = z.custom<Channel>((value) => typeof value === 'string' && isChannel(value));
const sourceSchema = z.enum(['sampled', 'stored']) satisfies z.ZodType<ReadingSource>;
const flagSchema = z.enum([
  'alarm',
  'disturbed',
  'power-failed',
  'clock-set',
  'clock-invalid',
  'low-battery',
  'wall-stepped',
]) satisfies z.ZodType<MeterFlag>;

/** Text that reads back to the same coefficient and exponent: `12.340`, and `12e3` where the exponent is positive. */
function decimalToText(value: Decimal): string {
  return value.exponent > 0 ? `${value.coefficient}e${value.exponent}` : decimalText(value);
}

function readDecimal(text: string): Decimal {
  const [mantissa = '', power] = text.split('e');
  const value = parseDecimal(mantissa);
  return power === undefined ? value : { coefficient: value.coefficient, exponent: Number(power) };
}

// --- readings: a row holds those of one device, source and instant, each
// [quantity, c|i, value, unit, uncertainty, delay until read, flags, raw, contradicts?]

const readingPayload = z.array(
  z.tuple([
    quantitySchema,
    z.enum(['c', 'i']),
    decimalSchema,
    unitSchema,
    whole,
    whole,
    z.array(flagSchema),
    z.string(),
    z.boolean(),
  ]),
);
const readingKeyParts = z.tuple([z.literal('r'), z.string(), z.string(), sourceSchema, z.string()]);

export interface StoredReading {
  readonly reading: Reading;
  /** It contradicts the reading that is served for its instant. */
  readonly contradicts: boolean;
}

export function encodeReadings(stored: readonly StoredReading[]): unknown {
  return stored.map(({ reading, contradicts }) => {
    const { quantity, kind, value, unit, uncertaintyMs, readAt, at, flags, raw } = reading;
    const short = kind === 'counter' ? 'c' : 'i';
    return [quantity, short, decimalToText(value), unit, uncertaintyMs, readAt - at, flags, raw, contradicts];
  });
}

export function decodeReadings(row: Row): StoredReading[] | Damage {
  return decoding(row, () => {
    const [, day, device, source, time] = readingKeyParts.parse(keyParts(row.key));
    const at = parseUtc(`${day}T${time.split('~')[0]}`);
    return readingPayload
      .parse(row.payload)
      .map(([quantity, kind, value, unit, uncertaintyMs, delay, flags, raw, contradicts]) => ({
        contradicts,
        reading: {
          device,
          quantity,
          kind: kind === 'c' ? 'counter' : 'instantaneous',
          value,
          unit,
          at,
          source,
          uncertaintyMs,
          readAt: at + delay,
          flags,
          raw,
        },
      }));
  });
}

// --- readings as version 1 had them, one to a row: r/<device>/<quantity>/<at>/<source>

const readingPayload1 = z.tuple([
  z.enum(['c', 'i']),
  decimalSchema,
  unitSchema,
  whole,
  whole,
  z.array(flagSchema),
  z.string(),
  z.boolean(),
]);
const readingKeyParts1 = z.tuple([z.literal('r'), z.string(), quantitySchema, z.string(), z.string()]);

export function decodeReading1(row: Row): StoredReading | Damage {
  return decoding(row, () => {
    const [, device, quantity, time, last] = readingKeyParts1.parse(keyParts(row.key));
    const [kind, value, unit, uncertaintyMs, delay, flags, raw, contradicts] = readingPayload1.parse(row.payload);
    const at = parseUtc(time);
    const reading: Reading = {
      device,
      quantity,
      kind: kind === 'c' ? 'counter' : 'instantaneous',
      value,
      unit,
      at,
      source: sourceSchema.parse(last.split('~')[0]),
      uncertaintyMs,
      readAt: at + delay,
      flags,
      raw,
    };
    return { reading, contradicts };
  });
}

// --- intervals

const boundaryPayload = z.object({
  at: whole,
  index: decimalSchema,
  source: z.enum(['sampled', 'stored', 'interpolated']),
  readings: z.array(whole),
});
const intervalPayload = z.object({
  end: whole,
  value: decimalSchema.exactOptional(),
  unit: unitSchema,
  quality: z.enum(QUALITIES),
  findings: z.array(z.string()),
  madeAt: whole,
  origins: z.array(
    z.object({ device: z.string(), quantity: quantitySchema, from: boundaryPayload, to: boundaryPayload }),
  ),
});
const intervalKeyParts = z.tuple([z.literal('i'), z.string(), channelSchema, z.string(), z.string()]);

export function encodeInterval({ end, value, unit, quality, findings, madeAt, origins }: Interval): unknown {
  return {
    end,
    ...(value && { value: decimalToText(value) }),
    unit,
    quality,
    findings,
    madeAt,
    origins: origins.map(({ device, quantity, from, to }) => ({
      device,
      quantity,
      from: encodeBoundary(from),
      to: encodeBoundary(to),
    })),
  };
}

function encodeBoundary({ at, index, source, readings }: Boundary): unknown {
  return { at, index: decimalToText(index), source, readings };
}

export function decodeInterval(row: Row): Interval | Damage {
  return decoding(row, () => {
    const [, point, channel, start, version] = intervalKeyParts.parse(keyParts(row.key));
    const payload = intervalPayload.parse(row.payload);
    return { point, channel, start: parseUtc(start), version: Number(version), ...payload };
  });
}

// --- journal entries: [key, checksum] of each row written

const entryPayload = z.array(z.tuple([z.string(), z.string()]));
export type Entry = z.infer<typeof entryPayload>;

export function decodeEntry(row: Row): Entry | Damage {
  return decoding(row, () => entryPayload.parse(row.payload));
}

// --- cursors

const cursorPayload = z.object({ sequence: whole });

export function decodeCursor(row: Row): z.infer<typeof cursorPayload> | Damage {
  return decoding(row, () => cursorPayload.parse(row.payload));
}

/** A payload that fits its checksum but not its format is damage too: it is never half-decoded. */
export function decoding<T>(row: Row, decode: () => T): T | Damage {
  try {
    return decode();
  } catch (error) {
    return { key: row.key, detail: `the checksum fits but the content does not: ${String(error)}` };
  }
}
