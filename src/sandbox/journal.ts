import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { QUALITIES } from '../core/interval.ts';
import { remembering } from '../core/remember.ts';
import { isoUtc, MINUTE_MS, parseUtc, type UtcMs } from '../core/time.ts';
import { makeFolder } from '../host/make-folder.ts';
import { syncPath } from '../host/sync-path.ts';
import { PROBLEM_CODES } from './market.ts';

/**
 * What was received and what was answered, on the disk before the answer leaves: for each message a line of JSON, then the document
 * as it was signed, byte for byte, and a line end. As a part of the JSON its two thousand quotes would all be written twice.
 */
const JOURNAL = 'received.journal';

const row = z.strictObject({
  point: z.string(),
  channel: z.enum(['volume', 'energy', 'import', 'export']),
  /** UTC, ISO 8601 */
  start: z.string(),
  minutes: z.int(),
  /** Exact decimal. */
  value: z.string(),
  unit: z.string(),
  quality: z.enum(QUALITIES),
});

/** Intervals of one quality that follow one another in a channel of a point; what is the same for all of them stands once. */
const run = row.omit({ value: true }).extend({
  /** Separated by spaces; the first one's start is that of the run. */
  values: z.string().min(1),
});

const entrySchema = z.strictObject({
  id: z.string(),
  commodity: z.enum(['gas', 'electricity']),
  sender: z.string(),
  /** Why it was rejected; accepted when empty. */
  problems: z.array(z.strictObject({ code: z.enum(PROBLEM_CODES), text: z.string() })),
  answerId: z.string(),
  /** UTC, ISO 8601 */
  receivedAt: z.string(),
  corrects: z.string().optional(),
  /** SHA-256 of the document, so that the same id with other content is noticed. */
  sha256: z.string(),
  /** Of the document behind the line. */
  bytes: z.int().min(0),
  runs: z.array(run),
});

type Head = z.output<typeof entrySchema>;
type Run = z.output<typeof run>;
/** An entry as it is written, with the document as it was signed. */
export type NewEntry = Omit<Head, 'bytes'> & { readonly utf8: Buffer };
export type Entry = Omit<NewEntry, 'runs' | 'utf8'> & { readonly xml: string; readonly rows: readonly EntryRow[] };
/** An entry as far as its answer tells of it. */
export type Answered = Omit<Entry, 'xml' | 'rows'>;
/** What was accepted from a message; none of a rejected one. */
export type EntryRow = z.output<typeof row>;

export interface Journal {
  /** What stood in it when it was opened, oldest first. */
  readonly entries: readonly Entry[];
  /**
   * Resolves when the entry would survive a power cut. Rejects with OdecetError store-io; then nothing of it remains, and of
   * nothing that was appended after it and before that was known.
   */
  append(entry: NewEntry): Promise<void>;
  close(): Promise<void>;
}

/** The journal as it stands, without touching it. A torn last entry was never answered and does not count. */
export async function readJournal(folder: string): Promise<Entry[]> {
  return (await readWhole(join(folder, JOURNAL))).entries;
}

/** Opens the journal of a folder, made if need be; a torn last entry is cut off. Throws OdecetError store-io or store-damaged. */
export async function openJournal(folder: string): Promise<Journal> {
  const path = join(folder, JOURNAL);
  try {
    await makeFolder(folder);
    const { entries, bytes } = await readWhole(path);
    const file = await open(path, 'a');
    await file.truncate(bytes);
    await file.sync();
    await syncPath(dirname(path));
    return journalOn(file, entries, bytes);
  } catch (cause) {
    if (cause instanceof OdecetError) throw cause;
    throw new OdecetError('store-io', `${path}: ${String(cause)}`, { cause });
  }
}

interface Waiting {
  readonly entry: NewEntry;
  readonly resolve: () => void;
  readonly reject: (error: OdecetError) => void;
}

/** What comes while the disk is at work waits and goes to it together: a sync takes as long for one as for many. */
function journalOn(file: FileHandle, entries: readonly Entry[], bytes: number): Journal {
  let length = bytes;
  let waiting: Waiting[] = [];
  let writing: Promise<void> | undefined;

  async function write(): Promise<void> {
    for (let batch = waiting; batch.length > 0; batch = waiting) {
      waiting = [];
      const written = Buffer.concat(batch.flatMap(({ entry }) => partsOf(entry)));
      try {
        await file.appendFile(written);
        await file.sync();
        length += written.length;
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        await file.truncate(length).catch(() => undefined);
        const refused = new OdecetError('store-io', `the journal cannot be written: ${String(cause)}`, { cause });
        for (const { reject } of [...batch, ...waiting.splice(0)]) reject(refused);
      }
    }
    writing = undefined;
  }

  return {
    entries,
    append: (entry) =>
      new Promise((resolve, reject) => {
        waiting.push({ entry, resolve, reject });
        writing ??= write();
      }),
    async close() {
      await writing;
      await file.close();
    },
  };
}

const LINE_END = '\n';

function partsOf({ utf8, ...told }: NewEntry): Buffer[] {
  const head: Head = { ...told, bytes: utf8.length };
  return [Buffer.from(JSON.stringify(head) + LINE_END), utf8, Buffer.from(LINE_END)];
}

/** Piece by piece: a long rehearsal's journal is longer than a text can be. */
async function readWhole(path: string): Promise<{ entries: Entry[]; bytes: number }> {
  const entries: Entry[] = [];
  let bytes = 0;
  let begun: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) {
      let rest = Buffer.concat([...begun, chunk]);
      for (let next = firstEntry(rest, path, entries.length); next; next = firstEntry(rest, path, entries.length)) {
        entries.push(restored(next.entry));
        bytes += next.length;
        rest = rest.subarray(next.length);
      }
      begun = [rest];
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { entries, bytes };
    throw error;
  }
  return { entries, bytes };
}

/** What these bytes begin with; undefined when it is not there to its end. */
function firstEntry(bytes: Buffer, path: string, before: number): { entry: NewEntry; length: number } | undefined {
  const from = bytes.indexOf(LINE_END) + 1;
  if (from === 0) return undefined;
  const where = `${path}, entry ${before + 1}`;
  const { bytes: size, ...told } = headIn(bytes.toString('utf8', 0, from - 1), where);
  const to = from + size;
  if (to >= bytes.length) return undefined;
  if (bytes.toString('utf8', to, to + 1) !== LINE_END) throw damaged(where);
  return { entry: { ...told, utf8: bytes.subarray(from, to) }, length: to + 1 };
}

function headIn(line: string, where: string): Head {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch (cause) {
    throw damaged(where, cause);
  }
}

function damaged(where: string, cause?: unknown): OdecetError {
  return new OdecetError('store-damaged', `${where} is not a journal entry; put the file aside and start anew`, {
    cause,
  });
}

/** An entry as it is read back. */
export function restored({ runs, utf8, ...told }: NewEntry): Entry {
  return { ...told, xml: utf8.toString('utf8'), rows: runs.flatMap(rowsOf) };
}

function rowsOf({ values, start, ...same }: Run): EntryRow[] {
  const from = parseUtc(start);
  return values.split(' ').map((value, n) => ({ ...same, start: isoUtc(from + n * same.minutes * MINUTE_MS), value }));
}

/** A row as it stands in a document. */
type ReadRow = Omit<EntryRow, 'start'> & { readonly start: UtcMs };

/** Rows in the order of a document, those that follow one another together. */
export function runsOf(rows: readonly ReadRow[]): Run[] {
  const runs: ReadRow[][] = [];
  let before: ReadRow | undefined;
  for (const row of rows) {
    if (before && isNext(before, row)) runs.at(-1)!.push(row);
    else runs.push([row]);
    before = row;
  }
  const startText = remembering(isoUtc);
  return runs.map((run) => {
    const { value: _value, start, ...same } = run[0]!;
    return { ...same, start: startText(start), values: run.map(({ value }) => value).join(' ') };
  });
}

function isNext(before: ReadRow, { point, channel, minutes, unit, quality, start }: ReadRow): boolean {
  return (
    start === before.start + minutes * MINUTE_MS &&
    channel === before.channel &&
    point === before.point &&
    minutes === before.minutes &&
    unit === before.unit &&
    quality === before.quality
  );
}
