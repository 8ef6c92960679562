import type { Session } from '../../src/core/driver.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { Millis } from '../../src/core/time.ts';
import type { Framing } from './framing.ts';
import { ModbusSession } from './session.ts';

/**
 * Asks a unit for its first holding register, which changes nothing. Whether it has that register does not matter: an exception
 * is an answer too, and only a unit that is there can give one.
 */
export function unitProbe(framing: Framing, unit: number, replyWithinMs: Millis, gapMs: Millis): Session {
  const range = { table: 'holding', address: 0, count: 1 } as const;
  return new ModbusSession(
    { framing, unit, replyWithinMs, gapMs },
    {
      next: (answers) => (answers.length === 0 ? [{ kind: 'read', range }] : []),
      result: () => ({ values: [], identity: {}, unusable: [] }),
    },
  );
}

/**
 * Whether a probe that failed shows all the same that the unit is there. Exceptions 10 and 11 do not: a gateway says them of a
 * unit behind it that does not answer (V1.1b3 clause 7).
 */
export function isThere({ code, detail }: Failure): boolean {
  return code === 'device-busy' || (code === 'device-exception' && !/\bexception 1[01]\b/.test(detail));
}
