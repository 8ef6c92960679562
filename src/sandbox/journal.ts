import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { OdecetError } from '../core/failure.ts';
import { QUALITIES } from '../core/interval.ts';
import { PROBLEM_CODES } from './market.ts';

/** What was received and what was answered, one JSON line for each message, on the disk before the answer leaves. */
const JOURNAL = 'received.jsonl';

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
  /** The document as it was signed. */
  xml: z.string(),
  rows: z.array(row),
});

export type Entry = z.output<typeof entrySchema>;
/** What was accepted from a message; none of a rejected one. */
export type EntryRow = z.output<typeof row>;

export interface Journal {
  readonly entries: readonly Entry[];
  /** Resolves when the entry would survive a power cut. Rejects with OdecetError store-io; then nothing of it remains. */
  append(entry: Entry): Promise<void>;
  close(): Promise<void>;
}

/** The journal as it stands, without touching it. A torn last line was never answered and does not count. */
export async function readJournal(folder: string): Promise<Entry[]> {
  return (await readWhole(join(folder, JOURNAL))).entries;
}

/** Opens the journal of a folder, made if need be; a torn last line is cut off. Throws OdecetError store-io or store-damaged. */
export async function openJournal(folder: string): Promise<Journal> {
  const path = join(folder, JOURNAL);
  try {
    await mkdir(folder, { recursive: true });
    const { entries, bytes } = await readWhole(path);
    const file = await open(path, 'a');
    await file.truncate(bytes);
    await file.sync();
    await syncFolder(dirname(path));
    return journalOn(file, entries, bytes);
  } catch (cause) {
    if (cause instanceof OdecetError) throw cause;
    throw new OdecetError('store-io', `${path}: ${String(cause)}`, { cause });
  }
}

function journalOn(file: FileHandle, entries: Entry[], bytes: number): Journal {
  let length = bytes;
  return {
    entries,
    async append(entry) {
      const line = Buffer.from(`${JSON.stringify(entry)}\n`);
      try {
        await file.appendFile(line);
        await file.sync();
      } catch (cause) {
        await file.truncate(length).catch(() => undefined);
        throw new OdecetError('store-io', `the journal cannot be written: ${String(cause)}`, { cause });
      }
      length += line.length;
      entries.push(entry);
    },
    close: () => file.close(),
  };
}

async function readWhole(path: string): Promise<{ entries: Entry[]; bytes: number }> {
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const bytes = content.lastIndexOf('\n') + 1;
  const lines = content.subarray(0, bytes).toString('utf8').split('\n').slice(0, -1);
  return { entries: lines.map((line, n) => parseEntry(line, `${path}:${n + 1}`)), bytes };
}

function parseEntry(line: string, where: string): Entry {
  try {
    return entrySchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new OdecetError('store-damaged', `${where} is not a journal entry; put the file aside and start anew`, {
      cause,
    });
  }
}

/** A new file's name is on the disk only when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
