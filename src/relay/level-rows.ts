import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { Store } from '../machine/store.ts';
import { reasonsSchema, STAGE_NAMES } from './standing.ts';
import type { MessageName, SiteMessage } from './store.ts';

/** The rows of the relay's LevelDB store: `m/` messages, `s/` standings, `q/` marks of what is not settled, `counts`. */
export const COUNTS_KEY = 'counts';
const ROWS_AT_ONCE = 1_000;
const LINE_FEED = 10;

export const standingSchema = z.object({
  stage: z.enum(STAGE_NAMES),
  reasons: reasonsSchema,
  answer: z.string().exactOptional(),
  at: z.number(),
  attempts: z.int(),
  /** Settled long ago: envelope and answer are gone. */
  isBare: z.literal(true).exactOptional(),
});

export const countsSchema = z.object({
  stored: z.int(),
  sent: z.int(),
  accepted: z.int(),
  rejected: z.int(),
  unknown: z.int(),
});

/** Marks of an earlier program name no site. */
export const markSchema = z.object({ day: z.string(), receivedAt: z.number(), site: z.string().default('') });

const messageSchema = z.object({
  sender: z.string(),
  id: z.string(),
  site: z.string(),
  version: z.int(),
  hash: z.string(),
  day: z.string(),
  receivedAt: z.number(),
});

/** A sender's code is a market code; the slash cannot stand in one. */
export function nameOf({ sender, id }: MessageName): string {
  return `${sender}/${id}`;
}

export function senderOf(name: string): string {
  return name.slice(0, name.indexOf('/'));
}

export function encodeRow(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

export function parseRow<S extends z.ZodType>(key: string, bytes: Uint8Array, schema: S): z.output<S> {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new OdecetError('store-damaged', `${key}: not as it was written; restore the relay's store`, { cause });
  }
}

/** A line of JSON and the envelope as it came. */
export function encodeMessage({ envelope, ...rest }: SiteMessage): Uint8Array {
  const head = encodeRow(rest);
  const bytes = new Uint8Array(head.length + 1 + envelope.length);
  bytes.set(head, 0);
  bytes[head.length] = LINE_FEED;
  bytes.set(envelope, head.length + 1);
  return bytes;
}

export function decodeMessage(key: string, bytes: Uint8Array): SiteMessage {
  const end = bytes.indexOf(LINE_FEED);
  return { ...parseRow(key, bytes.subarray(0, end), messageSchema), envelope: bytes.slice(end + 1) };
}

export interface ReadRows<T> {
  readonly rows: ReadonlyMap<string, T>;
  /** Why, by name. */
  readonly damaged: ReadonlyMap<string, OdecetError>;
}

/**
 * Several rows at once, by the last part of their keys; those that are not there are left out, and one that cannot be decoded
 * costs its neighbours nothing.
 */
export async function readMany<T>(
  store: Store,
  prefix: string,
  names: readonly string[],
  decode: (key: string, bytes: Uint8Array) => T,
): Promise<ReadRows<T>> {
  const keys = names.map((name) => prefix + name);
  const found = await store.getMany(keys);
  const rows = new Map<string, T>();
  const damaged = new Map<string, OdecetError>();
  for (const [n, bytes] of found.entries()) {
    try {
      if (bytes) rows.set(names[n]!, decode(keys[n]!, bytes));
    } catch (error) {
      if (!(error instanceof OdecetError)) throw error;
      damaged.set(names[n]!, error);
    }
  }
  return { rows, damaged };
}

/** A page of the rows below a prefix, after a key. */
export function pageAfter(store: Store, prefix: string, after: string, limit: number): Promise<[string, Uint8Array][]> {
  const end = `${prefix.slice(0, -1)}0`;
  return store.range({ gte: after === '' ? prefix : `${after}\u0000`, lt: end, limit });
}

export async function* walk(store: Store, prefix: string): AsyncGenerator<[string, Uint8Array]> {
  for (let after = ''; ; ) {
    const page = await pageAfter(store, prefix, after, ROWS_AT_ONCE);
    yield* page;
    const last = page.at(-1);
    if (!last || page.length < ROWS_AT_ONCE) return;
    after = last[0];
  }
}
