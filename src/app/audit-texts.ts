import { z } from 'zod';

/**
 * What the entries of the audit log say: what people did that changes what is or will be sent, and what a centre commanded and got
 * for an answer.
 */

const substituteText = z.object({
  at: z.string(),
  what: z.literal('substitute'),
  by: z.string(),
  reason: z.string(),
  point: z.string(),
  channel: z.string(),
  /** The entry whose decision was put back by the program: its record was lost. */
  restores: z.int().exactOptional(),
  intervals: z.array(
    z.object({
      start: z.string(),
      end: z.string(),
      before: z.object({ version: z.int(), quality: z.string(), value: z.string().optional() }).optional(),
      version: z.int(),
      value: z.string(),
    }),
  ),
});

const commandText = z.object({
  at: z.string(),
  what: z.literal('command'),
  id: z.string(),
  /** SHA-256 of the signed line. */
  of: z.string(),
  relay: z.string(),
  by: z.string(),
  kind: z.string(),
  madeAt: z.string(),
  expiresAt: z.string(),
  /** SHA-256 of the body, and the body itself where it is short. */
  hash: z.string(),
  body: z.string().optional(),
  outcome: z.enum(['taken', 'refused']),
  reason: z.string(),
  detail: z.string(),
});

const answerText = z.object({
  at: z.string(),
  what: z.literal('answer'),
  id: z.string(),
  of: z.string(),
  outcome: z.enum(['done', 'refused', 'failed']),
  reason: z.string(),
  detail: z.string(),
});

/** A person learnt from the operator that it has days which a restored gateway held back. */
const deliveredText = z.object({
  at: z.string(),
  what: z.literal('delivered'),
  by: z.string(),
  reason: z.string(),
  days: z.array(z.string()),
  messages: z.array(z.string()),
});

/** A person learnt from the operator that it has nothing of days that were held back, and lets them go. */
const releasedText = z.object({
  at: z.string(),
  what: z.literal('released'),
  by: z.string(),
  reason: z.string(),
  /** Days, or `gas/2026-03-28` where only one commodity was meant. */
  days: z.array(z.string()),
});

/** A person imported combustion heat, kWh/m3: the days that had another value before, or none. */
const heatText = z.object({
  at: z.string(),
  what: z.literal('heat'),
  by: z.string(),
  file: z.string(),
  days: z.array(z.object({ day: z.string(), before: z.string().optional(), value: z.string() })),
});

/** A person laid out the site from a backup: what was done on the old machine since then is not in this log. */
const restoredText = z.object({
  at: z.string(),
  what: z.literal('restored'),
  by: z.string(),
  /** The backup, and when it was taken. */
  file: z.string(),
  backupAt: z.string().optional(),
  /** The second copy of the old machine that was brought along, and what spoke against it. */
  vital: z.string().optional(),
  vitalDoubt: z.string().optional(),
  holdsDays: z.boolean(),
});

/** A start found store and second copy damaged: what was sent until then is not known, and days that were over wait for a person. */
const heldText = z.object({
  at: z.string(),
  what: z.literal('held'),
  because: z.literal('damage'),
  /** What spoke against the second copy; absent where the entry was made good by a later start. */
  doubt: z.string().exactOptional(),
});

/** The gateway started with another site file than before, or for the first time: somebody may have changed it by hand. */
const siteFileText = z.object({
  at: z.string(),
  what: z.literal('site-file'),
  file: z.string(),
  /** SHA-256 of the file that was, and of the one that is. */
  before: z.string().optional(),
  hash: z.string(),
});

/** Somebody who does not hold the relay's key wrote on the site's topic. */
const strangerText = z.object({ at: z.string(), what: z.literal('stranger'), detail: z.string() });

const auditTextSchema = z.discriminatedUnion('what', [
  substituteText,
  deliveredText,
  releasedText,
  heatText,
  restoredText,
  heldText,
  siteFileText,
  commandText,
  answerText,
  strangerText,
]);

export type AuditText = z.output<typeof auditTextSchema>;
export type SubstituteText = z.output<typeof substituteText>;
export type DeliveredText = z.output<typeof deliveredText>;
export type ReleasedText = z.output<typeof releasedText>;
export type HeatText = z.output<typeof heatText>;
export type RestoredText = z.output<typeof restoredText>;
export type HeldText = z.output<typeof heldText>;
export type SiteFileText = z.output<typeof siteFileText>;

/** Undefined for an entry that cannot be read; `odecet audit` tells of it. */
export function readAudit(text: string): AuditText | undefined {
  try {
    return auditTextSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
