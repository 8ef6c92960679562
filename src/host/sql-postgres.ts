import { DatabaseError, Pool } from 'pg';
import { type FailureCode, OdecetError } from '../core/failure.ts';
import type { Sql } from '../machine/sql.ts';

/** PostgreSQL, appendix A: class 53 is "insufficient resources". */
const NO_ROOM = '53100';
/** Its class XX: data or an index that is damaged, or an internal error, which both may show as. */
const DAMAGE = /^XX00[0-2]$/;
/** Its classes 22, 23 and 54: the values are at fault, and would be at any other time. */
const VALUES = /^(22|23|54)/;
const CONNECT_WITHIN_MS = 5_000;
/** A statement that hangs on a connection that is gone must not hang for ever. */
const STATEMENT_WITHIN_MS = 30_000;
/**
 * Whatever has an index goes by it: a plan for a table that was small a moment ago goes through all of it, and meets whatever
 * page of it is damaged. What has none costs so much then that it would be compiled first.
 */
const PLANNER = '-c enable_seqscan=off -c jit=off';

/** @param url `postgres://user:password@host:port/database`. Opens connections when they are needed, and again after a restart. */
export function postgres(url: string, connectionsMax: number): Sql {
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
  return DAMAGE.test(state) ? 'store-damaged' : 'database-away';
}

function sqlError(cause: unknown): OdecetError {
  const code = codeOf(cause);
  const why = cause instanceof AggregateError ? cause.errors.map(String).join('; ') : String(cause);
  return new OdecetError(code, `PostgreSQL: ${why}`, { cause });
}
