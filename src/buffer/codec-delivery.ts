import { z } from 'zod';
import { CHANNEL_UNIT, type Channel } from '../core/interval.ts';
import type { Attempt, Message, MessageId, Receipt } from '../core/message.ts';
import { parseUtc } from '../core/time.ts';
import type { Damage, IntervalRef } from './api.ts';
import { decoding, isChannel, partsOf } from './codec.ts';
import type { Row } from './frame.ts';
import { keyParts } from './keys.ts';
import type { Life } from './life.ts';
import { asNameOf, asObject, asText, asTexts } from './narrow.ts';

/** Payloads of messages, the steps of their life, their place in the outbox and their links. */

const whole = z.int();
const channelSchema = z.custom<Channel>((value) => typeof value === 'string' && isChannel(value));

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
  about: messagePayload.pick({ commodity: true, day: true, pack: true }).exactOptional(),
}) satisfies z.ZodType<Life>;

export function decodeLife(row: Row): Life | Damage {
  return decoding(row, () => lifePayload.parse(row.payload));
}

/** A message that carries an interval; `replaces` names the earlier messages that it corrects or supersedes. */
export interface Link extends IntervalRef {
  readonly message: MessageId;
  readonly replaces: readonly MessageId[];
  /** What the message says of the interval. */
  readonly told?: string;
}

export function decodeLink(row: Row): Link | Damage {
  return decoding(row, () => {
    const { replaces, told } = asObject(row.payload);
    return {
      ...readLinkKey(row.key),
      replaces: asTexts(replaces),
      ...(told !== undefined && { told: asText(told) }),
    };
  });
}

/** What the key alone says, for a link whose value is damaged; undefined where the key is not one of a link. */
export function linkOfKey(key: string): Omit<Link, 'replaces' | 'told'> | undefined {
  try {
    return readLinkKey(key);
  } catch {
    return undefined;
  }
}

function readLinkKey(key: string): Omit<Link, 'replaces' | 'told'> {
  const [point = '', channel, start = '', version, message = ''] = partsOf(key, 'l', 5);
  return { point, channel: asNameOf(channel, CHANNEL_UNIT), start: parseUtc(start), version: Number(version), message };
}
