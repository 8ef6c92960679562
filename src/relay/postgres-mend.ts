import { OdecetError } from '../core/failure.ts';
import type { Sql } from '../machine/sql.ts';
import type { MendedRow, MessageName } from './store.ts';

/** A row of the table that cannot be read. */
export interface BadRow extends MessageName {
  readonly why: string;
}

/** What stood in the row, but for what is large: the site has the envelope, and the answer stays. It may be what is damaged. */
const SET_ASIDE = `insert into message_damaged (sender, id, why, row)
  select m.sender, m.id, n.why, jsonb_build_object('site', m.site, 'version', m.version, 'hash', m.hash, 'day', m.day,
    'received_at', m.received_at, 'stage', m.stage, 'stage_at', m.stage_at, 'attempts', m.attempts, 'reasons', m.reasons)
  from message m join unnest($1::text[], $2::text[], $3::text[]) as n (sender, id, why) on m.sender = n.sender and m.id = n.id`;

/** The answer, which holds them verbatim, stays. */
const FORGET_REASONS = `update message m set reasons = $3::jsonb
  from unnest($1::text[], $2::text[]) as n (sender, id) where m.sender = n.sender and m.id = n.id`;

/** As what waits for a person: due again when a relay starts. */
const PUT_OFF = `update message m set due_at = $3
  from unnest($1::text[], $2::text[]) as n (sender, id) where m.sender = n.sender and m.id = n.id`;

/** Gone with the messages themselves. */
export const FORGET_DAMAGED = `delete from message_damaged d
  where not exists (select from message m where m.sender = d.sender and m.id = d.id)`;

/** Puts these reasons in the place of some that cannot be read. */
export async function mendReasons(sql: Sql, bad: readonly BadRow[], reasons: string): Promise<MendedRow[]> {
  const names = await setAside(sql, bad);
  await sql.query(FORGET_REASONS, [...names, reasons]);
  return bad.map(({ sender, id, why }) => ({
    key: `message ${sender}/${id}`,
    why,
    rebuilt: 'without its reasons; they stand in the answer',
  }));
}

/** Nobody claims these until they came again or a relay has started; one that cannot be put off either is told at each claim. */
export async function holdBack(sql: Sql, bad: readonly BadRow[], until: number): Promise<void> {
  await eachAlone(bad, async (some) => sql.query(PUT_OFF, [...(await setAside(sql, some)), until]));
}

/** Work that the database cannot do for all at once, because it cannot read one of the rows, done for each alone. */
export async function eachAlone<T, R>(items: readonly T[], work: (items: readonly T[]) => Promise<readonly R[]>) {
  try {
    return { done: [...(await work(items))], failed: new Map<T, OdecetError>() };
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  const done: R[] = [];
  const failed = new Map<T, OdecetError>();
  for (const item of items) {
    try {
      done.push(...(await work([item])));
    } catch (error) {
      if (!isDamage(error)) throw error;
      failed.set(item, error);
    }
  }
  return { done, failed };
}

export function isDamage(error: unknown): error is OdecetError {
  return error instanceof OdecetError && error.failure.code === 'store-damaged';
}

async function setAside(sql: Sql, bad: readonly BadRow[]): Promise<[string[], string[]]> {
  const [senders, ids] = [bad.map(({ sender }) => sender), bad.map(({ id }) => id)];
  await sql.query(SET_ASIDE, [senders, ids, bad.map(({ why }) => why)]);
  return [senders, ids];
}
