import { z } from 'zod';
import { COMMAND_KINDS, type CommandKind } from '../../core/command-kind.ts';
import { MINUTE_MS } from '../../core/time.ts';

/** What each kind of command says; the centre checks it before it signs, the site before it does anything. */
export const COMMAND_BODIES = {
  read: z.strictObject({ device: z.string().min(1).max(100) }),
  backfill: z.strictObject({
    point: z.string().min(1).max(40),
    /** UTC epoch milliseconds; boundaries of both ends are asked for. */
    from: z.int().min(0),
    to: z.int().min(0),
  }),
  /** One message; every one that waits where it is absent. */
  resend: z.strictObject({
    message: z
      .string()
      .regex(/^\d{14}$/, '14 digits')
      .exactOptional(),
  }),
  pack: z.strictObject({
    /** As the site file names it under `market:`. Parts of a path below format-packs/, never a way out of it. */
    pack: z.string().regex(/^[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*){0,3}$/, 'a name like "ote/gasdat"'),
    /** The first local date on which messages are made with it. */
    from: z.iso.date('a date like 2026-03-28'),
    text: z.string().max(200_000),
  }),
  'site-file': z.strictObject({
    text: z.string().max(500_000),
    /** The site rolls it back by itself when it has not reported well within this. */
    withinMs: z
      .int()
      .min(10_000)
      .max(60 * MINUTE_MS),
  }),
  diagnose: z.strictObject({}),
} as const satisfies Record<CommandKind, z.ZodType>;

export type CommandBody<K extends CommandKind> = z.output<(typeof COMMAND_BODIES)[K]>;

/** A command whose body fits its kind. */
export type Ordered = { readonly [K in CommandKind]: { readonly kind: K; readonly body: CommandBody<K> } }[CommandKind];

export type ReadOrder =
  | { readonly ok: true; readonly ordered: Ordered }
  | { readonly ok: false; readonly reason: 'unknown-kind' | 'bad-body'; readonly why: string };

/** @param text the body, JSON */
export function readOrder(kind: string, text: string): ReadOrder {
  const known = COMMAND_KINDS.find((each) => each === kind);
  if (!known) return { ok: false, reason: 'unknown-kind', why: `"${kind}"; it knows ${COMMAND_KINDS.join(', ')}` };
  const read = COMMAND_BODIES[known].safeParse(parsed(text));
  if (!read.success) return { ok: false, reason: 'bad-body', why: z.prettifyError(read.error) };
  // One schema for each kind: the pair is what the mapped type says.
  return { ok: true, ordered: { kind: known, body: read.data } as Ordered };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
