import { z } from 'zod';
import type { AuditEntry } from '../buffer/index.ts';
import { isoUtc, parseUtc, type UtcMs } from '../core/time.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { CommandLog, EndedCommand, GivenCommand } from '../relay/given-command.ts';
import { type ChainFault, chained, chainFaults } from './audit-chain.ts';

/** The centre's audit log of commands: a file of lines that only grows, each chained to the one before as a site's entries are. */
export const COMMAND_LOG_FILE = 'commands.log';

/** A result of this length stands in the log; of a longer one only that there was one. Whoever waited has seen it. */
const RESULT_MAX = 20_000;

const lineSchema = z.object({ number: z.int(), text: z.string(), hash: z.string() });

const givenText = z.object({
  what: z.literal('command'),
  at: z.string(),
  site: z.string(),
  id: z.string(),
  kind: z.string(),
  by: z.string(),
  expiresAt: z.string(),
  body: z.string(),
  /** An earlier program did not keep it: what it left open is listed as such. */
  signed: z.string().default(''),
});
const takenText = z.object({ what: z.literal('taken'), at: z.string(), id: z.string() });
const endedText = z.object({
  what: z.literal('answer'),
  at: z.string(),
  id: z.string(),
  outcome: z.enum(['done', 'refused', 'failed', 'unanswered']),
  reason: z.string(),
  detail: z.string(),
  result: z.string(),
});
const entryText = z.discriminatedUnion('what', [givenText, takenText, endedText]);

export interface CommandStory {
  readonly given: GivenCommand;
  readonly takenAt?: UtcMs;
  /** The last one: an answer that came after `unanswered`. */
  readonly ended?: EndedCommand;
}

export interface CommandHistory {
  readonly commands: readonly CommandStory[];
  readonly faults: readonly ChainFault[];
  readonly lastHash: string;
}

/** What stands in the file, whoever writes it meanwhile. */
export async function readCommandHistory(file: Pick<AppendLog, 'lines'>): Promise<CommandHistory> {
  const entries = await readEntries(file);
  const commands = new Map<string, CommandStory>();
  for (const { text } of entries) {
    const said = readEntry(text);
    const story = said && commands.get(said.id);
    if (said?.what === 'command') commands.set(said.id, { given: givenOf(said) });
    else if (said?.what === 'taken' && story) commands.set(said.id, { ...story, takenAt: parseUtc(said.at) });
    else if (said?.what === 'answer' && story)
      commands.set(said.id, { ...story, ended: { ...said, at: parseUtc(said.at) } });
  }
  return { commands: [...commands.values()], faults: chainFaults(entries), lastHash: entries.at(-1)?.hash ?? '' };
}

export async function openCommandLog(file: AppendLog): Promise<CommandLog> {
  let last = (await readEntries(file)).at(-1);
  const { commands } = await readCommandHistory(file);
  let turn: Promise<unknown> = Promise.resolve();

  /** One after another: each is chained to the one before. */
  function append(text: z.output<typeof entryText>): Promise<void> {
    const writing = turn.then(async () => {
      const entry = { number: (last?.number ?? 0) + 1, ...chained(last, JSON.stringify(text)) };
      await file.append(JSON.stringify(entry));
      last = entry;
    });
    turn = writing.catch(() => undefined);
    return writing;
  }

  return {
    open: commands
      .filter(({ ended }) => !ended)
      .map(({ given, takenAt }) => ({ command: given, isTaken: takenAt !== undefined })),
    // Without the bodies, which are large and stay in the log.
    unanswered: commands
      .filter(({ ended }) => ended?.outcome === 'unanswered')
      .map(({ given: { site, id, signed } }) => ({ site, id, signed })),
    given({ madeAt, expiresAt, ...said }) {
      return append({ what: 'command', at: isoUtc(madeAt), ...said, expiresAt: isoUtc(expiresAt) });
    },
    taken: (id, at) => append({ what: 'taken', at: isoUtc(at), id }),
    ended({ id, outcome, reason, detail, at, result }) {
      const kept = result.length <= RESULT_MAX ? result : JSON.stringify(`${result.length} characters, not kept here`);
      return append({ what: 'answer', at: isoUtc(at), id, outcome, reason, detail, result: kept });
    },
  };
}

function givenOf({ at, site, id, kind, by, expiresAt, body, signed }: z.output<typeof givenText>): GivenCommand {
  return { site, id, kind, by, madeAt: parseUtc(at), expiresAt: parseUtc(expiresAt), body, signed };
}

/** A line that cannot be read leaves a hole in the numbers, which the check of the chain tells. */
async function readEntries(file: Pick<AppendLog, 'lines'>): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  for await (const line of file.lines()) {
    const entry = lineSchema.safeParse(parsed(line));
    if (entry.success) entries.push(entry.data);
  }
  return entries;
}

function readEntry(text: string): z.output<typeof entryText> | undefined {
  const read = entryText.safeParse(parsed(text));
  return read.success ? read.data : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
