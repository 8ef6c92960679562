import { OdecetError } from '../core/failure.ts';
import { isoUtc, type UtcMs } from '../core/time.ts';
import type { Sql, SqlRow } from '../machine/sql.ts';
import { eachAlone, isDamage } from './postgres-mend.ts';
import { claimOneText, headsText, probeText, releaseText } from './postgres-texts.ts';
import type { DamagedMessage } from './store.ts';

/** Until the year 2248. */
const LATEST: UtcMs = 2 ** 43 - 1;
/** More is not a page but a disk, and nothing for a relay to find its way around. */
const UNREAD_MAX = 500;
/** So many claims later it is looked whether some can be read again: ten minutes, where a claim finds nothing. */
const LOOK_AGAIN_AFTER = 600;

/**
 * A page of the table that PostgreSQL cannot read stops every statement that meets a row on it. The index over what is open
 * can still be read: it tells in which milliseconds such rows came, and all others are claimed past these, one by one.
 */
export interface Around {
  claim(
    sender: string,
    limit: number,
    leaseMs: number,
  ): Promise<{ readonly rows: SqlRow[]; readonly unread: DamagedMessage[] }>;
  /** All of a sender that is open was met, and could be read. */
  isWhole(sender: string): void;
  release(): Promise<void>;
  /** What came in one of these milliseconds is passed by, also what stands on another page. */
  unreadOf(sender: string): readonly UtcMs[];
  /** Told what cannot be read, whenever that changes; undefined when all can. */
  listen(tell: (what: string | undefined) => void): void;
}

interface Unread {
  readonly times: readonly UtcMs[];
  readonly why: string;
  readonly claims: number;
}

/** @param now SQL for the time in ms */
export function createAround(sql: Sql, now: string): Around {
  const [heads, claimOne, release] = [headsText(now), claimOneText(now), releaseText(now)];
  const known = new Map<string, Unread>();
  let listener: (what: string | undefined) => void = () => undefined;

  function tell(): void {
    const said = [...known].flatMap(([sender, { times, why }]) =>
      times.length > 0 ? [textOf(sender, times, why)] : [],
    );
    listener(said.length > 0 ? said.join('; ') : undefined);
  }

  async function headsOf(sender: string, limit: number): Promise<readonly SqlRow[]> {
    const before = known.get(sender) ?? { times: [], why: '', claims: 0 };
    const read = (times: readonly UtcMs[]) => sql.query(heads, [sender, limit, ...piecesBetween(times)]);
    try {
      if (before.claims < LOOK_AGAIN_AFTER) {
        known.set(sender, { ...before, claims: before.claims + 1 });
        return await read(before.times);
      }
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    const found = await findUnread(sql, sender);
    known.set(sender, { ...found, claims: 0 });
    tell();
    return read(found.times);
  }

  return {
    async claim(sender, limit, leaseMs) {
      const rows: SqlRow[] = [];
      const unread: DamagedMessage[] = [];
      for (const { id, site, turn } of await headsOf(sender, limit)) {
        const values = [sender, id, leaseMs, turn];
        // Twice: the new word on a row is written where there is room, which may be on the damaged page, and the next time elsewhere.
        // None comes where another relay was faster.
        const { done, failed } = await eachAlone([values], () => sql.query(claimOne, values));
        rows.push(...done);
        for (const { failure: problem } of failed.values())
          unread.push({ sender, id: String(id), site: String(site), why: problem.detail });
      }
      return { rows, unread };
    },
    isWhole(sender) {
      const was = known.get(sender);
      known.delete(sender);
      if (was && was.times.length > 0) tell();
    },
    async release() {
      try {
        await sql.query(release, [0, LATEST]);
      } catch (error) {
        if (!isDamage(error)) throw error;
        const { times } = await findUnread(sql);
        const [firsts, lasts] = piecesBetween(times);
        for (const [n, first] of firsts.entries()) await sql.query(release, [first, lasts[n]]);
      }
    },
    unreadOf: (sender) => known.get(sender)?.times ?? [],
    listen(to) {
      listener = to;
      tell();
    },
  };
}

/** Halves the time until a half can be read or is a millisecond. @param sender of all where absent */
async function findUnread(sql: Sql, sender?: string): Promise<Pick<Unread, 'times' | 'why'>> {
  const probe = probeText(sender !== undefined);
  const times: UtcMs[] = [];
  let why = '';
  async function look(first: UtcMs, last: UtcMs): Promise<void> {
    try {
      await sql.query(probe, [first, last, ...(sender === undefined ? [] : [sender])]);
    } catch (error) {
      if (!isDamage(error)) throw error;
      why = error.failure.detail;
      if (first < last) {
        const middle = Math.floor((first + last) / 2);
        await look(first, middle);
        await look(middle + 1, last);
      } else if (times.push(first) > UNREAD_MAX) throw new OdecetError('store-damaged', why, { cause: error });
    }
  }
  await look(0, LATEST);
  return { times, why };
}

/** All time but these milliseconds. @param times ascending @returns first and last of each piece */
function piecesBetween(times: readonly UtcMs[]): [UtcMs[], UtcMs[]] {
  const [firsts, lasts] = [
    [0, ...times.map((at) => at + 1)],
    [...times.map((at) => at - 1), LATEST],
  ];
  return [firsts, lasts];
}

function textOf(sender: string, times: readonly UtcMs[], why: string): string {
  const [first, last] = [isoUtc(times[0]!), isoUtc(times.at(-1)!)];
  return `messages of ${sender} that came in ${times.length} milliseconds between ${first} and ${last} cannot be read (${why}); they are set aside and not sent, all others go on. Restore the page or give it up (docs/relay.md, "What may break")`;
}
