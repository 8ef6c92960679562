import { z } from 'zod';
import { type Decimal, decimalText, parseDecimal } from '../core/decimal.ts';
import { type Boundary, CHANNEL_UNIT, type Channel, type Interval, QUALITIES } from '../core/interval.ts';
import type { Attempt, Message, MessageId, Receipt } from '../core/message.ts';
import { QUANTITIES, type Quantity, UNITS, type Unit } from '../core/quantity.ts';
import type { MeterFlag, Reading, ReadingSource } from '../core/reading.ts';
import { parseUtc } from '../core/time.ts';
import type { Damage, IntervalRef } from './api.ts';
import type { Row } from './frame.ts';
import { keyParts } from './keys.ts';
import type { Life } from './life.ts';

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

export function isSource(text: string | undefined): text is ReadingSource {
  return text === 'sampled' || text === 'stored';
}

const whole = z.int();
const decimalSchema = z.string().transform(readDecimal);
const unitSchema = z.custom<Unit>((value) => typeof value === 'string' && Object.hasOwn(UNITS, value));
const quantitySchema = z.custom<Quantity>((value) => typeof value === 'string' && isQuantity(value));
const channelSchema = z.custom<Channel>((value) => typeof value === 'string' && isChannel(value));
const sourceSchema = z.enum(['sampled', 'stored']) satisfies z.ZodType<ReadingSource>;
const flagSchema = z.enum([
  'alarm',
  'disturbed',
  'power-failed',
  'clock-set',
  'clock-invalid',
  'low-battery',
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

// --- readings: [c|i, value, unit, uncertainty, delay until read, flags, raw, contradicts?]

const readingPayload = z.tuple([
  z.enum(['c', 'i']),
  decimalSchema,
  unitSchema,
  whole,
  whole,
  z.array(flagSchema),
  z.string(),
  z.boolean(),
]);
const readingKeyParts = z.tuple([z.literal('r'), z.string(), quantitySchema, z.string(), z.string()]);

export interface StoredReading {
  readonly reading: Reading;
  /** It contradicts the reading that is served for its instant. */
  readonly contradicts: boolean;
}

export function encodeReading({ reading, contradicts }: StoredReading): unknown {
  const { kind, value, unit, uncertaintyMs, readAt, at, flags, raw } = reading;
  return [
    kind === 'counter' ? 'c' : 'i',
    decimalToText(value),
    unit,
    uncertaintyMs,
    readAt - at,
    flags,
    raw,
    contradicts,
  ];
}

export function decodeReading(row: Row): StoredReading | Damage {
  return decoding(row, () => {
    const [, device, quantity, time, last] = readingKeyParts.parse(keyParts(row.key));
    const [kind, value, unit, uncertaintyMs, delay, flags, raw, contradicts] = readingPayload.parse(row.payload);
    const at = parseUtc(time);
    const source = sourceSchema.parse(last.split('~')[0]);
    const reading: Reading = {
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

// --- messages and their life

const messagePayload = z.object({
  commodity: z.enum(['gas', 'electricity']),
  day: z.string(),
  pack: z.string(),
  madeAt: whole,
  xml: z.string(),
  carried: z.array(z.object({ point: z.string(), channel: channelSchema, start: whole, version: whole })),
  corrects: z.string().exactOptional(),
});

export function encodeMessage({ commodity, day, pack, madeAt, xml, carried, corrects }: Message): unknown {
  return {
    commodity,
    day,
    pack,
    madeAt,
    xml,
    carried: carried.map(({ point, channel, start, version }) => ({ point, channel, start, version })),
    ...(corrects !== undefined && { corrects }),
  };
}

export function decodeMessage(row: Row): Message | Damage {
  return decoding(row, () => ({ id: row.key.slice('m/'.length), ...messagePayload.parse(row.payload) }));
}

const eventPayloads = {
  began: z.object({ startedAt: whole }),
  ended: z.object({
    startedAt: whole,
    endedAt: whole,
    outcome: z.enum(['not-sent', 'no-answer', 'fault', 'answered']),
    detail: z.string(),
  }),
  receipt: z.object({
    verdict: z.enum(['accepted', 'rejected', 'unknown']),
    reasons: z.array(
      z.object({
        code: z.string(),
        type: z.string(),
        resultCode: z.string().exactOptional(),
        blockId: z.string().exactOptional(),
        text: z.string(),
      }),
    ),
    receivedAt: whole,
    xml: z.string(),
  }),
};

/** One step in a message's life as it is stored. */
export type StoredEvent =
  | { readonly what: 'began'; readonly attempt: number }
  | { readonly what: 'ended'; readonly attempt: number; readonly ended: Attempt }
  | { readonly what: 'receipt'; readonly attempt: number; readonly receipt: Receipt }
  | { readonly what: 'superseded' };

export function encodeEnded({ startedAt, endedAt, outcome, detail }: Attempt): unknown {
  return { startedAt, endedAt, outcome, detail };
}

export function encodeReceipt({ verdict, reasons, receivedAt, xml }: Receipt): unknown {
  return { verdict, reasons, receivedAt, xml };
}

export function decodeEvent(row: Row): StoredEvent | Damage {
  return decoding(row, (): StoredEvent => {
    const [, message = '', second = '', what] = keyParts(row.key);
    const attempt = Number(second);
    if (second === 'superseded') return { what: second };
    if (what === 'ended') {
      const ended = { message, number: attempt, ...eventPayloads.ended.parse(row.payload) };
      return { what, attempt, ended };
    }
    if (what === 'receipt') return { what, attempt, receipt: { message, ...eventPayloads.receipt.parse(row.payload) } };
    eventPayloads.began.parse(row.payload);
    return { what: 'began', attempt };
  });
}

// --- journal entries: [key, checksum] of each row written

const entryPayload = z.array(z.tuple([z.string(), z.string()]));
export type Entry = z.infer<typeof entryPayload>;

export function decodeEntry(row: Row): Entry | Damage {
  return decoding(row, () => entryPayload.parse(row.payload));
}

/** A payload that fits its checksum but not its format is damage too: it is never half-decoded. */
export function decoding<T>(row: Row, decode: () => T): T | Damage {
  try {
    return decode();
  } catch (error) {
    return { key: row.key, detail: `the checksum fits but the content does not: ${String(error)}` };
  }
}

// --- the outbox row, the cursor, the link

const lifePayload = z.object({
  attempts: whole,
  open: z.array(whole),
  lastLeft: whole,
  lastUnknown: whole,
  accepted: z.boolean(),
  rejected: z.boolean(),
  superseded: z.boolean(),
  lastEndedAt: whole.exactOptional(),
}) satisfies z.ZodType<Life>;

export function decodeLife(row: Row): Life | Damage {
  return decoding(row, () => lifePayload.parse(row.payload));
}

const cursorPayload = z.object({ sequence: whole });

export function decodeCursor(row: Row): z.infer<typeof cursorPayload> | Damage {
  return decoding(row, () => cursorPayload.parse(row.payload));
}

const linkPayload = z.object({ replaces: z.array(z.string()) });
const linkKeyParts = z.tuple([z.literal('l'), z.string(), channelSchema, z.string(), z.string(), z.string()]);

/** A message that carries an interval; `replaces` names the earlier messages that it corrects or supersedes. */
export interface Link extends IntervalRef {
  readonly message: MessageId;
  readonly replaces: readonly MessageId[];
}

export function decodeLink(row: Row): Link | Damage {
  return decoding(row, () => {
    const [, point, channel, start, version, message] = linkKeyParts.parse(keyParts(row.key));
    const { replaces } = linkPayload.parse(row.payload);
    return { point, channel, start: parseUtc(start), version: Number(version), message, replaces };
  });
}
