import crc32c from 'crc-32/crc32c.js';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import type { Store } from '../machine/store.ts';
import { reasonsSchema, STAGE_NAMES } from './standing.ts';
import type { MessageName, SiteMessage } from './store.ts';

/**
 * The rows of the relay's LevelDB store: `m/` messages, `s/` standings, `q/` marks of what is not settled, `counts`, `aged`, and under
 * `x/` what was found damaged, byte for byte. A row ends with a checksum over its key and all that stands before it; rows of an
 * earlier program have none and are read all the same.
 */
export const COUNTS_KEY = 'counts';
const ROWS_AT_ONCE = 1_000;
const LINE_FEED = 10;
const BRACE = 125;
/** After the JSON: a space and eight hexadecimal digits. */
const SEAL_LENGTH = 9;

export const standingSchema = z.object({
  stage: z.enum(STAGE_NAMES),
  reasons: reasonsSchema,
  answer: z.string().exactOptional(),
  at: z.number(),
  attempts: z.int(),
  /** Settled long ago: envelope and answer are gone. */
  isBare: z.literal(true).exactOptional(),
  /** Settled, and the row that said how was damaged: its site holds the answer, or asks again. */
  isLost: z.literal(true).exactOptional(),
});

export const countsSchema = z.object({
  stored: z.int(),
  sent: z.int(),
  accepted: z.int(),
  rejected: z.int(),
  unknown: z.int(),
  /** A damaged row was rebuilt: all are counted anew. */
  isDoubtful: z.literal(true).exactOptional(),
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

/** Where the bytes of a damaged row are kept. */
export function asideKey(key: string): string {
  return `x/${key}`;
}

/** A sender's code is a market code; the slash cannot stand in one. */
export function nameOf({ sender, id }: MessageName): string {
  return `${sender}/${id}`;
}

export function senderOf(name: string): string {
  return name.slice(0, name.indexOf('/'));
}

/** @param body what follows on the next line, under the same checksum */
export function encodeRow(key: string, value: unknown, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(value));
  const head = json.length + SEAL_LENGTH;
  const bytes = new Uint8Array(head + 1 + body.length);
  bytes.set(json, 0);
  bytes.set(new TextEncoder().encode(seal(key, json, body)), json.length);
  bytes[head] = LINE_FEED;
  bytes.set(body, head + 1);
  return body.length > 0 ? bytes : bytes.subarray(0, head);
}

/** Throws OdecetError store-damaged. */
export function parseRow<S extends z.ZodType>(
  key: string,
  line: Uint8Array,
  schema: S,
  body: Uint8Array = new Uint8Array(0),
): z.output<S> {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(unsealed(key, line, body))));
  } catch (cause) {
    throw new OdecetError('store-damaged', `${key}: not as it was written`, { cause });
  }
}

function unsealed(key: string, line: Uint8Array, body: Uint8Array): Uint8Array {
  // A row of an earlier program ends with its JSON.
  if (line.at(-1) === BRACE) return line;
  const json = line.subarray(0, -SEAL_LENGTH);
  const said = new TextDecoder().decode(line.subarray(-SEAL_LENGTH));
  if (said !== seal(key, json, body)) throw new RangeError('its checksum does not fit');
  return json;
}

function seal(key: string, json: Uint8Array, body: Uint8Array): string {
  const sum = crc32c.buf(body, crc32c.buf(json, crc32c.str(key)));
  return ` ${(sum >>> 0).toString(16).padStart(SEAL_LENGTH - 1, '0')}`;
}

/** A line of JSON and the envelope as it came. */
export function encodeMessage({ envelope, ...rest }: SiteMessage): Uint8Array {
  return encodeRow(`m/${nameOf(rest)}`, rest, envelope);
}

export function decodeMessage(key: string, bytes: Uint8Array): SiteMessage {
  const feed = bytes.indexOf(LINE_FEED);
  const end = feed < 0 ? bytes.length : feed;
  const envelope = bytes.slice(end + 1);
  return { ...parseRow(key, bytes.subarray(0, end), messageSchema, envelope), envelope };
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
