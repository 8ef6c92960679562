import { z } from 'zod';
import type { Message, MessageId, Reason } from '../../core/message.ts';
import type { UtcMs } from '../../core/time.ts';
import type { PackedDocument } from '../../machine/sealer.ts';
import type { Codec, Signer } from '../../machine/signer.ts';
import { ANSWER_BYTES_MAX } from '../../message/answer.ts';
import { bodyText, type Frame, LINE_BYTES_MAX, openFrame, packFrame, readLine } from './frame.ts';

/**
 * What a site and the relay say to each other. An envelope carries one market message up, signed by the site; receipts come
 * down, signed by the relay. Both may come 0..n times in any order, so each stands for itself.
 */

/** An envelope as it comes from the broker; what is longer is not looked at. */
export const ENVELOPE_BYTES_MAX = 200_000;

/** PostgreSQL's integer. A correction an hour for a lifetime is a thousandth of it. */
const VERSION_MAX = 2_147_483_647;

const site = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const id = z.string().regex(/^\d{14}$/);

const envelopeHead = z.strictObject({
  v: z.literal(1),
  site,
  id,
  kind: z.enum(['gas', 'electricity']),
  /** Market day, a local date. */
  day: z.string().regex(/^\d{4}-\d\d-\d\d$/),
  /** The highest version of an interval in it: 1 is the first word on a day, more a correction. */
  version: z.int().min(1).max(VERSION_MAX),
  /** UTC epoch milliseconds, as the site's clock told them. */
  madeAt: z.int(),
  /** SHA-256 of the document. */
  hash,
  /** `name@version` of the format pack that made it. */
  pack: z.string().max(100),
  corrects: id.exactOptional(),
});

export type EnvelopeHead = z.output<typeof envelopeHead>;

export interface Envelope {
  readonly head: EnvelopeHead;
  readonly frame: Frame;
}

/** The envelope of a message; the same bytes whenever it is made. */
export function packEnvelope(message: Message, siteId: string, signer: Signer, codec: Codec): Uint8Array {
  const document = new TextEncoder().encode(message.xml);
  return packFrame(headOf(message, siteId, codec), codec.gzip(document), signer);
}

export function headOf(message: Message, siteId: string, codec: Codec): EnvelopeHead {
  const { id, commodity: kind, day, madeAt, pack, corrects } = message;
  const version = Math.max(1, ...message.carried.map((carried) => carried.version));
  const hash = codec.sha256(new TextEncoder().encode(message.xml));
  return {
    v: 1,
    site: siteId,
    id,
    kind,
    day,
    version,
    madeAt,
    hash,
    pack,
    ...(corrects !== undefined && { corrects }),
  };
}

/** Undefined when it is no envelope. Not verified yet. */
export function openEnvelope(payload: Uint8Array): Envelope | undefined {
  const frame = payload.length > ENVELOPE_BYTES_MAX ? undefined : openFrame(payload);
  if (!frame) return undefined;
  const head = envelopeHead.safeParse(readLine(frame));
  return head.success ? { head: head.data, frame } : undefined;
}

/** The document, and the hash that was signed for. */
export function documentIn({ head, frame }: Envelope): PackedDocument {
  return { gzip: frame.packed, sha256: head.hash };
}

/**
 * stored    on the relay's disk; from here on it answers for it
 * sent      on its way to the operator
 * accepted, rejected, unknown   the operator's answer, with its reasons and verbatim
 * refused   the relay does not take it, with the reason; nothing was kept
 */
export const STAGES = ['stored', 'sent', 'accepted', 'rejected', 'unknown', 'refused'] as const;
export type Stage = (typeof STAGES)[number];

export const REFUSALS = {
  'unknown-site': 'the registry has no such site; enrol it',
  'revoked-site': 'the site was revoked',
  'wrong-topic': 'it came on the topic of another site',
  'bad-signature': "the signature is not by the site's registered key",
  'too-large': 'it is longer than a message may be',
  'not-an-envelope': 'it has not the form of an envelope',
  'bad-hash': 'the body is not the one that was signed for',
  'clock-off': "the site's clock is far off: the message bears a time that cannot be",
  'bad-document': 'the document is not one that the format pack describes',
  'wrong-sender': 'the document names another sender than the registry does for the site',
  'wrong-point': 'the document has a point that the registry does not give to the site, or gives to another',
  'no-way': 'the relay has no identity for this sender',
  'changed-content': 'the id was used before for other content',
  'foreign-correction': 'it corrects a message that is not of this site',
  'wrong-number': 'the id does not end with the number that the registry gives to the site',
} as const;
export type Refusal = keyof typeof REFUSALS;

/** `type` of the reasons that the relay gives by itself. */
export const RELAY_REASON_TYPE = 'odecet-relay';

const reason = z.strictObject({
  code: z.string(),
  type: z.string(),
  resultCode: z.string().exactOptional(),
  blockId: z.string().exactOptional(),
  text: z.string(),
});

const receiptHead = z.strictObject({
  v: z.literal(1),
  relay: site,
  site,
  id,
  /** Of the document that the receipt is for: a receipt for other content under the same id is not ours. */
  hash,
  stage: z.enum(STAGES),
  reasons: z.array(reason),
  /** UTC epoch milliseconds at the relay. */
  at: z.int(),
  /** SHA-256 of the operator's answer in the body; absent when there is none. */
  answer: hash.exactOptional(),
});

export type ReceiptHead = z.output<typeof receiptHead>;

export interface RelayReceipt {
  readonly head: ReceiptHead;
  readonly frame: Frame;
}

export interface ReceiptText {
  readonly relay: string;
  readonly site: string;
  readonly id: MessageId;
  readonly hash: string;
  readonly stage: Stage;
  readonly reasons: readonly Reason[];
  readonly at: UtcMs;
  /** The operator's answer, verbatim. */
  readonly answer?: string;
}

/** Reasons of one receipt, as JSON in UTF-8; the rest of its line has some kilobytes. */
const REASONS_BYTES_MAX = LINE_BYTES_MAX - 8_000;
/** One word of one reason; the operator's are a few hundred characters at most. */
const REASON_TEXT_MAX = 1_000;

/** As many reasons as a line can bear, and how many more there are: all of them stand in the operator's answer. */
function inLine(reasons: readonly Reason[]): readonly Reason[] {
  const all = reasons.map(shortened);
  let bytes = 0;
  const fitting = all.findIndex((one) => {
    bytes += new TextEncoder().encode(JSON.stringify(one)).length + 1;
    return bytes > REASONS_BYTES_MAX;
  });
  if (fitting < 0) return all;
  const text = `and ${all.length - fitting} more; see the answer`;
  return [...all.slice(0, fitting), { code: 'more', type: RELAY_REASON_TYPE, text }];
}

function shortened(reason: Reason): Reason {
  const cut = (text: string) => (text.length > REASON_TEXT_MAX ? `${text.slice(0, REASON_TEXT_MAX)}…` : text);
  const { code, type, resultCode, blockId, text } = reason;
  return {
    code: cut(code),
    type: cut(type),
    ...(resultCode !== undefined && { resultCode: cut(resultCode) }),
    ...(blockId !== undefined && { blockId: cut(blockId) }),
    text: cut(text),
  };
}

export function packReceipt(text: ReceiptText, signer: Signer, codec: Codec): Uint8Array {
  const { relay, site: siteId, id: message, hash: document, stage, at } = text;
  const reasons = inLine(text.reasons);
  const body = text.answer === undefined ? undefined : new TextEncoder().encode(text.answer);
  const head = { v: 1, relay, site: siteId, id: message, hash: document, stage, reasons, at };
  const packed = body ? codec.gzip(body) : new Uint8Array(0);
  return packFrame({ ...head, ...(body && { answer: codec.sha256(body) }) }, packed, signer);
}

export function openReceipt(payload: Uint8Array): RelayReceipt | undefined {
  const frame = openFrame(payload);
  if (!frame) return undefined;
  const head = receiptHead.safeParse(readLine(frame));
  return head.success ? { head: head.data, frame } : undefined;
}

/** The operator's answer; empty where there is none, undefined when it is not the one that was signed for. */
export function answerOf({ head, frame }: RelayReceipt, codec: Codec): string | undefined {
  return head.answer === undefined ? '' : bodyText(frame, head.answer, ANSWER_BYTES_MAX, codec);
}
