import { z } from 'zod';
import type { UtcMs } from '../../core/time.ts';
import type { Codec, Signer } from '../../machine/signer.ts';
import { BODY_BYTES_MAX, bodyText, type Frame, openFrame, packFrame, readLine, toHex } from './frame.ts';

/**
 * What a centre may ask of a site, and what the site answers. A command is signed by the relay's key, an answer by the site's;
 * both may come 0..n times in any order. Nothing in a command is ever run: it names one of a few kinds, with a checked body.
 */

/** A command or answer as it comes from the broker; what is longer is not looked at. */
export const COMMAND_BYTES_MAX = 200_000;
/** No command waits longer for a site that is away. */
export const VALID_MS_MAX = 7 * 24 * 3_600_000;

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
export const commandId = z.string().regex(/^[0-9a-f]{32}$/);

const commandHead = z.strictObject({
  v: z.literal(1),
  what: z.literal('command'),
  relay: name,
  site: name,
  id: commandId,
  /** Any word: a site of an older release has to refuse what it does not know. */
  kind: z.string().max(40),
  /** Who gave it, for the log. */
  by: z.string().max(200),
  /** UTC epoch milliseconds at the relay. */
  madeAt: z.int(),
  expiresAt: z.int(),
  /** SHA-256 of the body. */
  hash,
});

export type CommandHead = z.output<typeof commandHead>;

export interface Command {
  readonly head: CommandHead;
  readonly frame: Frame;
}

/** The same bytes whenever it is made. @param body JSON */
export function packCommand(
  head: Omit<CommandHead, 'v' | 'what' | 'hash'>,
  body: string,
  signer: Signer,
  codec: Codec,
) {
  const bytes = new TextEncoder().encode(body);
  const { relay, site, id, kind, by, madeAt, expiresAt } = head;
  const line = { v: 1, what: 'command', relay, site, id, kind, by, madeAt, expiresAt, hash: codec.sha256(bytes) };
  return packFrame(line, codec.gzip(bytes), signer);
}

/** Signature and line of a command as they left, as text: with the body they make the same command again. */
export function signedWords({ line, signature }: Frame): string {
  return `${toHex(signature)}\n${new TextDecoder().decode(line)}`;
}

/** The command of these words again, without a key. */
export function packSignedWords(words: string, body: string, codec: Codec): Uint8Array {
  const lead = new TextEncoder().encode(`${words}\n`);
  const packed = codec.gzip(new TextEncoder().encode(body));
  const payload = new Uint8Array(lead.length + packed.length);
  payload.set(lead, 0);
  payload.set(packed, lead.length);
  return payload;
}

/** Undefined when it is no command. Not verified yet. */
export function openCommand(payload: Uint8Array): Command | undefined {
  const frame = payload.length > COMMAND_BYTES_MAX ? undefined : openFrame(payload);
  const head = frame && commandHead.safeParse(readLine(frame));
  return frame && head?.success ? { head: head.data, frame } : undefined;
}

export function commandBody({ head, frame }: Command, codec: Codec): string | undefined {
  return bodyText(frame, head.hash, BODY_BYTES_MAX, codec);
}

/** What an answer is bound to: the very words that were signed, so that no other command under the same id is meant. */
export function markOf({ frame }: Pick<Command, 'frame'>, codec: Codec): string {
  return codec.sha256(frame.line);
}

/**
 * What the answer `bad-signature` is bound to: words and signature. Anybody can put another signature under the words of a
 * genuine command; what the site says of that must not end the genuine one.
 */
export function forgedMarkOf({ frame: { signature, line } }: Pick<Command, 'frame'>, codec: Codec): string {
  const both = new Uint8Array(signature.length + line.length);
  both.set(signature, 0);
  both.set(line, signature.length);
  return codec.sha256(both);
}

/** Why a site does nothing of a command. */
export const COMMAND_REFUSALS = {
  'too-large': 'it is longer than a command may be',
  'not-a-command': 'it has not the form of a command',
  'bad-signature': 'it is not signed by a key of uplink.relayKeys',
  'wrong-site': 'it is for another site',
  'changed-content': 'the id was used before for another command',
  'clock-off': "it is from the future: the clocks of relay and site are far apart, mend the site's first",
  expired: "it is no longer valid by the site's clock",
  'unknown-kind': 'the site does not know this kind of command; is its program older than the relay?',
  'not-allowed': 'uplink.commands of the site file does not allow it',
  'bad-body': 'what it says does not fit its kind',
  busy: 'another change is still being tried',
  'check-failed': 'the check found that it cannot be used',
} as const;
export type CommandRefusal = keyof typeof COMMAND_REFUSALS;

/**
 * taken    the site has it and works on it
 * done     with the result in the body
 * refused  nothing was done; `reason` is one of COMMAND_REFUSALS
 * failed   it was begun and did not succeed; `reason` is a code of docs/failures.md
 */
export const OUTCOMES = ['taken', 'done', 'refused', 'failed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

const answerHead = z.strictObject({
  v: z.literal(1),
  what: z.literal('answer'),
  site: name,
  id: commandId,
  /** See markOf; forgedMarkOf where the reason is `bad-signature`. */
  of: hash,
  outcome: z.enum(OUTCOMES),
  reason: z.string(),
  detail: z.string(),
  /** UTC epoch milliseconds, as the site's clock tells them. */
  at: z.int(),
  /** SHA-256 of the body, which is JSON. */
  hash,
});

export type AnswerHead = z.output<typeof answerHead>;

export interface AnswerText {
  readonly id: string;
  readonly of: string;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly detail: string;
  readonly at: UtcMs;
  /** JSON; `null` where there is none. */
  readonly result: string;
}

/** Some kilobytes are left for everything but the detail in a line. */
const DETAIL_MAX = 8_000;

/** A result that no broker would carry is left out, and that is said in its place. */
export function packAnswer(text: AnswerText, site: string, signer: Signer, codec: Codec): Uint8Array {
  const whole = packWhole(text, site, signer, codec);
  if (whole.length <= COMMAND_BYTES_MAX) return whole;
  const result = JSON.stringify({ note: `left out: ${text.result.length} characters are too many for one answer` });
  return packWhole({ ...text, result }, site, signer, codec);
}

function packWhole(text: AnswerText, site: string, signer: Signer, codec: Codec): Uint8Array {
  const body = new TextEncoder().encode(text.result);
  const { id, of, outcome, reason, at } = text;
  const detail = text.detail.slice(0, DETAIL_MAX);
  const head = { v: 1, what: 'answer', site, id, of, outcome, reason, detail, at, hash: codec.sha256(body) };
  return packFrame(head, codec.gzip(body), signer);
}

export interface CommandAnswer {
  readonly head: AnswerHead;
  readonly frame: Frame;
}

export function openAnswer(payload: Uint8Array): CommandAnswer | undefined {
  const frame = payload.length > COMMAND_BYTES_MAX ? undefined : openFrame(payload);
  const head = frame && answerHead.safeParse(readLine(frame));
  return frame && head?.success ? { head: head.data, frame } : undefined;
}

/** JSON text; undefined when it is not what was signed for. */
export function answerResult({ head, frame }: CommandAnswer, codec: Codec): string | undefined {
  return bodyText(frame, head.hash, BODY_BYTES_MAX, codec);
}
