import { OdecetError } from '../core/failure.ts';
import type { AppendLog } from '../machine/append-log.ts';
import type { Store } from '../machine/store.ts';
import { STREAMS } from './api.ts';
import { isDamage, openRow } from './frame.ts';
import { loadHeads } from './heads.ts';
import { isSame, readIdentity, wordsOf } from './identity.ts';
import { FOLLOWED, type FoundCopy, readVital, readVitalLine, type VitalRecord } from './vital.ts';

/**
 * Whether a second copy may be put beside a store that was read from a backup: it must be of the same gateway, and know what the
 * store knows. Gives in words why it may not know all that was sent since; undefined where nothing speaks against it. Whether a
 * whole file is also the newest one, no file can say.
 * @param name the file's, for messages
 * Throws OdecetError usage where it is not the file that was meant.
 */
export async function checkCopy(store: Store, log: AppendLog, name: string): Promise<string | undefined> {
  const copy = await readVital(log);
  if (!copy.heads) throw refused(name, 'nothing in it can be read as the second copy of a gateway');
  const foreign = await foreignIn(store, log, copy);
  if (foreign !== undefined) throw refused(name, foreign);
  const { heads } = await loadHeads(store);
  const known = copy.heads;
  const short = [...FOLLOWED].filter((stream) => known[stream] < heads[stream]);
  if (short.length > 0) {
    const ends = short.map((stream) => `${stream} at ${known[stream]} of ${heads[stream]}`).join(', ');
    throw refused(name, `it ends before the backup was taken: ${ends}`);
  }
  if (copy.damagedLines > 0) return `${copy.damagedLines} of its lines are damaged`;
  if (copy.isTorn) return 'its last line is cut off';
  return STREAMS.some((stream) => known[stream] > heads[stream]) ? undefined : 'it ends where the backup was taken';
}

function refused(name: string, why: string): OdecetError {
  return new OdecetError(
    'usage',
    `${name} is refused: ${why}; bring vital.log of the machine that the backup is of, as it was at its end, or restore without --vital`,
  );
}

/** What speaks for another gateway, in words. */
async function foreignIn(store: Store, log: AppendLog, { identities }: FoundCopy): Promise<string | undefined> {
  const own = await readIdentity(store);
  const other = own && identities.find((each) => !isSame(each, own));
  if (own && other) return `it is of ${wordsOf(other)}, the backup of ${wordsOf(own)}`;
  const { same, other: contradicting } = await compareRows(store, log);
  if (contradicting !== undefined) return `it is of another gateway: its ${contradicting} is not that of the backup`;
  // Of an earlier program, which did not write down whose it is: what both know must tell.
  if ((!own || identities.length === 0) && same === 0)
    return 'nothing tells that it is of the gateway that the backup is of: no message is in both';
  return undefined;
}

interface Compared {
  /** So many records stand in both, and say the same. */
  readonly same: number;
  /** The first that says something else. */
  readonly other: string | undefined;
}

async function compareRows(store: Store, log: AppendLog): Promise<Compared> {
  let same = 0;
  for await (const line of log.lines()) {
    const rows = readVitalLine(line)?.rows ?? [];
    if (rows.length === 0) continue;
    const stored = await storedPayloads(store, rows);
    for (const [n, [key, payload]] of rows.entries()) {
      const there = stored[n];
      if (there === undefined) continue;
      if (meaningOf(there) !== meaningOf(payload)) return { same, other: key };
      same++;
    }
  }
  return { same, other: undefined };
}

/** Undefined where the store has none, or one that is damaged. */
async function storedPayloads(store: Store, rows: VitalRecord['rows']): Promise<unknown[]> {
  const found = await store.getMany(rows.map(([key]) => key));
  return rows.map(([key], n) => {
    const bytes = found[n];
    const row = bytes && openRow(key, bytes);
    return row && !isDamage(row) ? row.payload : undefined;
  });
}

/** A message that is final has no text in a copy that was written anew. */
function meaningOf(payload: unknown): string {
  return JSON.stringify(payload, (key: string, value: unknown) => (key === 'xml' ? undefined : value));
}
