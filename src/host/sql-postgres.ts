import { DatabaseError, Pool } from 'pg';
import { type FailureCode, OdecetError } from '../core/failure.ts';
import type { Sql } from '../machine/sql.ts';

/** PostgreSQL, appendix A: class 53 is "insufficient resources". */
const NO_ROOM = '53100';
/** Its class XX: data or an index that is damaged, or an internal error, which both may show as. */
const DAMAGE = /^XX00[0-2]$/;
/** Its classes 22, 23 and 54: the values are at fault, and would be at any other time. */
const VALUES = /^(22|23|54)/;
/** What waiting does not mend, by its code or how that begins, with what to do about it. */
const WRONG: readonly (readonly [state: RegExp, advice: string])[] = [
  [/^28/, 'look at user and password in store.urlFile, and at pg_hba.conf'],
  [/^3D000/, 'create the database, or correct its name in store.urlFile'],
  [/^25006/, 'it is read-only: name its primary, not a standby, in store.urlFile, or let it be written to'],
  [/^42501/, 'let the user create tables and write to them: make it the owner of the database'],
  [/^(42|3F|0A)/, 'its tables are not those of a relay: give the relay a database of its own, or restore this one'],
];
const CONNECT_WITHIN_MS = 5_000;
/** A statement that hangs on a connection that is gone must not hang for ever. */
const STATEMENT_WITHIN_MS = 30_000;
/**
 * Whatever has an index goes by it: a plan for a table that was small a moment ago goes through all of it, and meets whatever
 * page of it is damaged. What has none costs so much then that it would be compiled first.
 */
const PLANNER = '-c enable_seqscan=off -c jit=off';

/** @param url `postgres://user:password@host:port/database`. Opens connections when they are needed, and again after a restart. Throws OdecetError database-wrong where it is none. */
export function postgres(url: string, connectionsMax: number): Sql {
  if (!isAddress(url))
    // Not told: there may be a password in it.
    throw new OdecetError(
      'database-wrong',
      `store.urlFile holds ${url.trim() === '' ? 'nothing' : 'no address of a database'}; write postgres://user:password@host:5432/database into it`,
    );
  const pool = new Pool({
    connectionString: url,
    max: connectionsMax,
    connectionTimeoutMillis: CONNECT_WITHIN_MS,
    statement_timeout: STATEMENT_WITHIN_MS,
    query_timeout: STATEMENT_WITHIN_MS,
    options: PLANNER,
  });
  // An idle connection that breaks is thrown away by the pool; the next query opens another.
  pool.on('error', () => undefined);
  return {
    async query(text, values = []) {
      try {
        const { rows } = await pool.query(text, [...values]);
        return rows;
      } catch (cause) {
        throw sqlError(cause);
      }
    },
    close: () => pool.end(),
  };
}

function codeOf(cause: unknown): FailureCode {
  const state = cause instanceof DatabaseError ? cause.code : undefined;
  if (state === undefined) return 'database-away';
  if (state === NO_ROOM) return 'store-full';
  if (VALUES.test(state)) return 'unexpected';
  if (adviceOn(cause) !== undefined) return 'database-wrong';
  return DAMAGE.test(state) ? 'store-damaged' : 'database-away';
}

function sqlError(cause: unknown): OdecetError {
  const code = codeOf(cause);
  const why = cause instanceof AggregateError ? cause.errors.map(String).join('; ') : String(cause);
  const advice = adviceOn(cause);
  return new OdecetError(code, `PostgreSQL: ${why}${advice === undefined ? '' : `; ${advice}`}`, { cause });
}

function adviceOn(cause: unknown): string | undefined {
  const state = cause instanceof DatabaseError ? cause.code : undefined;
  return state === undefined ? undefined : WRONG.find(([pattern]) => pattern.test(state))?.[1];
}

/** The driver takes whatever it is given for the name of a database on this machine. */
function isAddress(url: string): boolean {
  if (!/^postgres(ql)?:\/\/./.test(url) || !URL.canParse(url)) return false;
  const { username, password, pathname } = new URL(url);
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}
