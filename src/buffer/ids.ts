import type { MessageId } from '../core/message.ts';
import { FIRST_TICK, NUMBERS, siteNumberOf, TICK_MS } from '../core/message-id.ts';
import type { UtcMs } from '../core/time.ts';
import { digits } from './keys.ts';

/**
 * Left unused by a start before its first id. A store that lost its last batches, or was restored from a copy, has forgotten
 * the last ids it gave out; the wall clock is the other guard (no id is below it), but a gateway without a battery clock may
 * start with a wrong one.
 */
const ID_ROOM = 1_000;

export interface IdsFrom {
  /** The highest that was ever given out, 0 when none was. */
  readonly last: number;
  /** Left unused at once, in place of the usual room. */
  readonly idRoom?: number | undefined;
  /** 0 to 99,999; undefined for a site without one. */
  readonly number?: number | undefined;
  readonly now: () => UtcMs;
}

/** Gives out message ids of the two forms of core/message-id.ts. */
export interface Ids {
  take(): MessageId;
  /** The highest given out or left unused; to be kept. */
  last(): number;
}

export function createIds({ last: found, idRoom, number: given, now }: IdsFrom): Ids {
  let last = leave(found, idRoom ?? 0);
  // Starts that give no id out use no room up: a box that restarts for days must not run out of numbers.
  let room = idRoom === undefined ? ID_ROOM : 0;
  return {
    last: () => last,
    take() {
      last = leave(last, room);
      room = 0;
      // A site file that has lost its number: what follows milliseconds would be the next site's.
      const number = given ?? siteNumberOf(last);
      if (number === undefined) last = Math.max(last + 1, now());
      else last = Math.max(Math.floor(last / NUMBERS) + 1, Math.floor(now() / TICK_MS), FIRST_TICK) * NUMBERS + number;
      return digits(last, 14);
    },
  };
}

function leave(last: number, count: number): number {
  return last + count * (siteNumberOf(last) === undefined ? 1 : NUMBERS);
}
