import { z } from 'zod';
import type { Interval } from '../core/interval.ts';
import type { AuditEntry, Buffer, Damage } from './api.ts';
import { decoding } from './codec.ts';
import { isDamage, type Row } from './frame.ts';
import { keepInDraft } from './intervals.ts';
import type { Journal } from './journal.ts';
import { auditKey, below } from './keys.ts';
import type { Rows } from './rows.ts';

/** The log of what people did. The journal numbers it, the writer chains it; nothing here is ever rewritten. */

const auditPayload = z.object({ text: z.string(), hash: z.string() });

export function keepAudited(
  journal: Journal,
  intervals: readonly Interval[],
  make: Parameters<Buffer['keepAudited']>[1],
): ReturnType<Buffer['keepAudited']> {
  return journal.write(async (draft) => {
    const kept = await keepInDraft(draft, intervals);
    const number = nextNumber(await draft.list(below('a/')), draft.last('audit'));
    const before = number === 1 ? undefined : await draft.get(auditKey(number - 1));
    const last = number === 1 ? undefined : entryOf(number - 1, before);
    const { text, hash } = make(last, kept);
    draft.add('audit', auditKey(number), { text, hash });
    return { entry: { number, text, hash }, kept };
  });
}

/**
 * The one after the last entry. Where the journal's last number names none that is here, the last is lost, and the hole in the
 * numbers says so. Else the journal may be further than the log: what was put back from the second copy was named anew.
 */
function nextNumber(rows: readonly (Row | Damage)[], last: number): number {
  const isLastHere = rows.some((row) => !isDamage(row) && row.sequence === last);
  return isLastHere ? Math.max(...rows.map(({ key }) => numberIn(key))) + 1 : last + 1;
}

/**
 * A row that is gone leaves a hole in the numbers, which whoever checks the chain sees; the last one leaves none, and stands here
 * as one that cannot be read. @param last number of the journal
 */
export async function readAuditLog(rows: Rows, last: number): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  let isLastHere = false;
  for await (const entry of rows.eachOrDamage(below('a/'), decodeNamed)) {
    if (isDamage(entry)) entries.push(unreadable(numberIn(entry.key)));
    else {
      const { sequence, ...whole } = entry;
      isLastHere ||= sequence === last;
      entries.push(whole);
    }
  }
  if (!isLastHere && (entries.at(-1)?.number ?? 0) < last) entries.push(unreadable(last));
  return entries;
}

function decodeNamed(row: Row): (AuditEntry & { readonly sequence: number }) | Damage {
  const entry = decodeAudit(row);
  return isDamage(entry) ? entry : { ...entry, sequence: row.sequence };
}

function entryOf(number: number, row: Row | Damage | undefined): AuditEntry {
  const entry = row === undefined || isDamage(row) ? undefined : decodeAudit(row);
  return entry === undefined || isDamage(entry) ? unreadable(number) : entry;
}

function unreadable(number: number): AuditEntry {
  return { number, text: '', hash: '' };
}

function decodeAudit(row: Row): AuditEntry | Damage {
  return decoding(row, () => ({ number: numberIn(row.key), ...auditPayload.parse(row.payload) }));
}

function numberIn(key: string): number {
  return Number(key.slice('a/'.length));
}
