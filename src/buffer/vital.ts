import { z } from 'zod';
import type { MessageId } from '../core/message.ts';
import { givenOutAt } from '../core/message-id.ts';
import { MINUTE_MS, type UtcMs } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Store } from '../machine/store.ts';
import { STREAMS, type Stream } from './api.ts';
import { crcOfText, crcText, isDamage, openRow } from './frame.ts';
import { type CopiedMonths, learnGivenUp, restoreGivenUp } from './given-up.ts';
import { type Heads, headsPayload } from './heads.ts';
import { type Identity, identitySchema, isSame } from './identity.ts';
import type { Draft, Journal } from './journal.ts';
import { below, GIVEN_UP, keyParts, lastPart, messageKey, waitingKey } from './keys.ts';
import { waitingState } from './life.ts';
import type { Restored } from './reports.ts';
import { walk } from './rows.ts';
import { lifeFromEvents } from './waiting.ts';

/**
 * The second copy of what must never be forgotten, in a file of its own: one line for each batch that changed messages,
 * intervals or the audit log,
 *
 *   CRC32C of the rest | {"heads": {...}, "rows": [[key, payload], ...]}
 *
 * with the rows of the delivery and audit journals, what was given up for its age, and the last numbers of all; the first line of
 * every run, after an append that failed, and of every copy that is written anew says first whose it is: {"of": {...}, "heads": ...}.
 * A store that is lost, in part or whole, gets
 * its messages back from it: no id is used twice, no interval that was accepted is sent again, and what was under way goes
 * again under the same id, byte for byte.
 */
const lineSchema = z.object({
  of: identitySchema.exactOptional(),
  heads: headsPayload,
  rows: z.array(z.tuple([z.string(), z.unknown()])),
});

const CRC_LENGTH = 8;
/** How a line that says whose it is begins, behind the checksum. */
const OF = '{"of":';
/**
 * So often at most the last numbers are told for rounds of readings alone: a line of some 300 bytes, 430 kB in a day without
 * pause, of which a flash page of 4 kB for each makes 6 MB a day.
 */
export const HEADS_EVERY_MS = MINUTE_MS;
/** Of one line of a copy that is written anew: so many rows, or fewer that have so many bytes. */
const ROWS_IN_LINE = 100;
const LINE_BYTES = 64_000;

export interface VitalRecord {
  readonly of?: Identity;
  readonly heads: Heads;
  readonly rows: readonly (readonly [key: string, payload: unknown])[];
}

/** Streams whose rows the second copy has. */
export const COPIED: ReadonlySet<Stream> = new Set(['delivery', 'audit']);
/**
 * Streams whose every batch it follows. Rounds of readings are not among them: they come every second, and meters keep them; of
 * them it knows the last numbers, told once in HEADS_EVERY_MS and at a clean end.
 */
export const FOLLOWED: ReadonlySet<Stream> = new Set(['intervals', 'delivery', 'audit']);

export function vitalLine({ of, heads, rows }: VitalRecord): string {
  const text = JSON.stringify(of ? { of, heads, rows } : { heads, rows });
  return `${crcText(crcOfText(text))} ${text}`;
}

/** Undefined for a line that is torn or damaged. */
export function readVitalLine(line: string): VitalRecord | undefined {
  if (!isWhole(line)) return undefined;
  const parsed = lineSchema.safeParse(JSON.parse(line.slice(CRC_LENGTH + 1)));
  return parsed.success ? parsed.data : undefined;
}

function isWhole(line: string): boolean {
  return line.slice(0, CRC_LENGTH) === crcText(crcOfText(line.slice(CRC_LENGTH + 1)));
}

export interface FoundCopy {
  /** The last numbers that it knows; undefined where nothing of it can be read. */
  readonly heads: Heads | undefined;
  /** Lines that cannot be read, those left out that a power cut or a full disk has torn: the last one, and the last before one that says whose it is. */
  readonly damagedLines: number;
  /** The last line cannot be read. */
  readonly isTorn: boolean;
  /** Whose it says it is: one, none in a copy of an earlier program, several where files were joined. */
  readonly identities: readonly Identity[];
}

export async function readVital(log: AppendLog): Promise<FoundCopy> {
  let last: string | undefined;
  let damagedLines = 0;
  let broken: string | undefined;
  const identities: Identity[] = [];
  for await (const line of log.lines()) {
    const isBroken = !isWhole(line);
    const saysWhose = !isBroken && line.startsWith(OF, CRC_LENGTH + 1);
    if (broken !== undefined && !(saysWhose && isCutOff(broken))) damagedLines++;
    broken = isBroken ? line : undefined;
    if (isBroken) continue;
    last = line;
    const of = saysWhose ? readVitalLine(line)?.of : undefined;
    if (of && !identities.some((known) => isSame(known, of))) identities.push(of);
  }
  const heads = last === undefined ? undefined : readVitalLine(last)?.heads;
  return { heads, damagedLines, isTorn: broken !== undefined, identities };
}

/**
 * Whether a line ends before its end. Before a line that says whose the copy is, it is what a power cut or a full disk left of an
 * append that nobody was told of: whoever goes on after that says it again.
 */
function isCutOff(line: string): boolean {
  return !line.endsWith(']}');
}

/** What the second copy should know and does not, in words; undefined where it is whole. */
export function doubtOfVital(store: Heads, { heads, damagedLines, isTorn }: FoundCopy): string | undefined {
  const isNew = STREAMS.every((stream) => store[stream] === 0);
  if (isNew && !heads && damagedLines === 0 && !isTorn) return undefined;
  if (!heads) return isNew ? 'nothing of it can be read' : 'nothing of it can be read, and the store has records';
  if (damagedLines > 0) return `${damagedLines} lines of it are damaged`;
  const short = [...FOLLOWED].filter((stream) => heads[stream] < store[stream]);
  if (short.length === 0) return undefined;
  return `it ends early: ${short.map((stream) => `${stream} at ${heads[stream]} of ${store[stream]}`).join(', ')}`;
}

/** Puts back the rows that the store does not have intact; the numbers of the store's journals were raised before. */
export async function restoreVital(store: Store, journal: Journal, log: AppendLog): Promise<Restored> {
  const messages = new Set<MessageId>();
  let records = 0;
  const givenUp: CopiedMonths = new Map();
  for await (const line of log.lines()) {
    const record = readVitalLine(line);
    if (!record || record.rows.length === 0) continue;
    for (const [key, payload] of record.rows) if (key.startsWith(GIVEN_UP)) learnGivenUp(givenUp, key, payload);
    const missing = await missingRows(store, record);
    if (missing.length === 0) continue;
    await journal.write(async (draft) => {
      for (const [key, payload] of missing) draft.add(key.startsWith('a/') ? 'audit' : 'delivery', key, payload);
    });
    records += missing.length;
    for (const [key] of missing) messages.add(messageOf(key));
  }
  records += await journal.write((draft) => restoreGivenUp(draft, givenUp));
  messages.delete('');
  for (const id of messages) await journal.write((draft) => putInOutbox(draft, id));
  return { messages: messages.size, records };
}

/** Those that a journal names: they are written once. */
async function missingRows(store: Store, record: VitalRecord): Promise<VitalRecord['rows']> {
  const rows = record.rows.filter(([key]) => !key.startsWith(GIVEN_UP));
  const found = await store.getMany(rows.map(([key]) => key));
  return rows.filter(([key], n) => {
    const bytes = found[n];
    return bytes === undefined || isDamage(openRow(key, bytes));
  });
}

function messageOf(key: string): MessageId {
  const parts = keyParts(key);
  const place: Readonly<Record<string, number>> = { m: 1, e: 1, n: 3, l: 5 };
  return parts[place[parts[0] ?? ''] ?? -1] ?? '';
}

async function putInOutbox(draft: Draft, id: MessageId): Promise<void> {
  const row = await draft.get(messageKey(id));
  if (!row || isDamage(row)) return;
  const key = waitingKey(id);
  const listed = (await draft.get(key)) !== undefined;
  const life = await lifeFromEvents(draft, id);
  const waits = waitingState(life) !== undefined;
  if (waits) draft.set(key, life);
  else if (listed) draft.remove(key);
  if (waits !== listed) draft.countWaiting(waits ? 1 : -1);
}

/**
 * Writes the second copy anew from the store: messages that are final lose their text, and those before `keepAfter` go. Gives
 * the number of characters. The store may be written meanwhile: what that tells the copy stands behind these lines.
 */
export async function compactVital(
  store: Store,
  heads: () => Heads,
  log: AppendLog,
  keepAfter: UtcMs,
  identity: Identity | undefined,
): Promise<number> {
  let written = 0;
  // Nothing is read before the log asks for the first line: it has taken note by then of where it stands.
  async function* lines(): AsyncGenerator<string> {
    const known = heads();
    let of = identity;
    const lineOf = (rows: VitalRecord['rows']): string => {
      const line = vitalLine({ ...(of && { of }), heads: known, rows });
      of = undefined;
      written += line.length;
      return line;
    };
    let rows: [string, unknown][] = [];
    let bytes = 0;
    for await (const [key, payload, length] of vitalRows(store, keepAfter)) {
      rows.push([key, payload]);
      bytes += length;
      if (rows.length < ROWS_IN_LINE && bytes < LINE_BYTES) continue;
      yield lineOf(rows);
      rows = [];
      bytes = 0;
    }
    yield lineOf(rows);
  }
  await log.rewrite(lines());
  return written;
}

/** Each with its bytes in the store. */
async function* vitalRows(store: Store, keepAfter: UtcMs): AsyncGenerator<[string, unknown, number]> {
  const waiting = new Set<MessageId>();
  for await (const [key] of walk(store, below(waitingKey('')))) waiting.add(lastPart(key));
  for (const range of [below('m/'), below('n/'), below('l/'), below('e/'), below('a/'), below(GIVEN_UP)])
    for await (const [key, bytes] of walk(store, range)) {
      const id = messageOf(key);
      if (id !== '' && !waiting.has(id) && givenOutAt(id) < keepAfter) continue;
      const row = openRow(key, bytes);
      if (isDamage(row)) continue;
      const { payload } = row;
      const isFinal = hasText(payload) && !(await store.get(waitingKey(id)));
      yield [key, isFinal ? { ...payload, xml: '' } : payload, bytes.length];
    }
}

/** A message that is final needs no text to be known again; what was told of each interval stands with its link. */
function hasText(payload: unknown): payload is { readonly xml: unknown } {
  return typeof payload === 'object' && payload !== null && 'xml' in payload;
}
