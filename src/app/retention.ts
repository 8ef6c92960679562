import type { Buffer, Stream } from '../buffer/index.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';

const DAY_MS = 24 * HOUR_MS;
/**
 * Of a stream in one pass: a second or so. A large site has 300,000 a day. Smaller passes take longer in all, and the tables
 * that they map are let go more often, which writes more: 2,000 at once wrote more than twice as much.
 */
const ENTRIES_MAX = 10_000;
/** When full: this part of a journal at once, until there is room. */
const FULL_PART = 0.05;
/** Given up to here when full, so that it does not begin again at once. */
const ROOM_PART = 0.9;
/** Samples stay until their day is closed, whatever happens: what the meter has not frozen is made of them then. A day has 25 hours at most. */
const SAMPLES_STAY_MS = 27 * HOUR_MS;
/** Meters are asked for readings of the last 40 days; giving those up would only fetch them again. */
const READINGS_STAY_MS = 45 * DAY_MS;

export type Kept = Exclude<Stream, 'audit'>;
export type TrimCounts = Partial<Record<Kept, number>>;

interface Retained {
  readonly storage: Site['storage'];
  readonly buffer: Buffer;
  readonly now: UtcMs;
}

/** Gives up what is older than the site file says, whole days at once, in passes between which whoever asks may rest. */
export interface AgeRound {
  /** Whether there is more. The room is given back at the end of each stream, once. */
  pass(): Promise<boolean>;
  /** Records given up so far. */
  readonly counts: TrimCounts;
}

/** @param entriesMax looked at of a stream in one pass */
export function ageRound({ storage: { retention }, buffer, now }: Retained, entriesMax = ENTRIES_MAX): AgeRound {
  const days: readonly [Kept, number][] = [
    ['samples', retention.samplesDays],
    ['readings', retention.readingsDays],
    ['intervals', retention.intervalsDays],
    ['delivery', Math.max(retention.messagesDays, retention.intervalsDays)],
  ];
  // Once round: what must stay is named again at the end of the journal.
  const streams = days.map(([stream, count]) => ({ stream, count, left: buffer.entries(stream) }));
  const counts: TrimCounts = {};

  async function trimSome(each: (typeof streams)[number]): Promise<void> {
    const { stream, count, left } = each;
    // Whole days: the room of a day is given back once, not a bit every hour.
    const olderThan = Math.floor((now - count * DAY_MS) / DAY_MS) * DAY_MS;
    const upTo = await followedUpTo(buffer, stream);
    const { entries, records } = await buffer.trim(stream, { olderThan, now, entriesMax, upTo });
    if (records > 0) counts[stream] = (counts[stream] ?? 0) + records;
    each.left = entries < entriesMax ? 0 : left - entries;
    if (each.left <= 0 && counts[stream]) await buffer.giveBack(stream, olderThan);
  }

  let isFirst = true;
  return {
    counts,
    async pass() {
      for (const each of streams) if (isFirst || each.left > 0) await trimSome(each);
      isFirst = false;
      return streams.some(({ left }) => left > 0);
    },
  };
}

/**
 * Makes room before its time: samples first, then stored readings that no meter would be asked for again, then accepted intervals
 * beyond their retention, with the messages that told them. What is not accepted stays, however full it is.
 */
export async function trimToFit({ storage, buffer, now }: Retained): Promise<TrimCounts> {
  const { intervalsDays, messagesDays } = storage.retention;
  const counts: TrimCounts = {};
  const stay: readonly [Kept, number][] = [
    ['samples', SAMPLES_STAY_MS],
    ['readings', READINGS_STAY_MS],
    ['intervals', intervalsDays * DAY_MS],
    ['delivery', Math.max(messagesDays, intervalsDays) * DAY_MS],
  ];
  for (const [stream, stayMs] of stay) {
    const upTo = await followedUpTo(buffer, stream);
    const entriesMax = Math.max(1_000, Math.ceil(FULL_PART * buffer.entries(stream)));
    // Once round: what must stay is named again at the end of the journal, and would come by for ever.
    for (let left = buffer.entries(stream); left > 0; ) {
      if ((await buffer.size()).store <= ROOM_PART * storage.maxBytes) return counts;
      const trimmed = await buffer.trim(stream, {
        olderThan: now - stayMs,
        now,
        entriesMax: Math.min(entriesMax, left),
        upTo,
      });
      if (trimmed.records > 0) {
        counts[stream] = (counts[stream] ?? 0) + trimmed.records;
        await buffer.giveBack(stream, now - stayMs);
      }
      if (trimmed.entries === 0) break;
      left -= trimmed.entries;
    }
  }
  return counts;
}

/** What a stage has not seen yet stays. */
async function followedUpTo(buffer: Buffer, stream: Kept): Promise<number> {
  const followers: Readonly<Record<Kept, string>> = {
    samples: 'profiler/samples',
    readings: 'profiler',
    intervals: 'closer/intervals',
    delivery: 'closer/delivery',
  };
  return buffer.cursor(followers[stream]);
}
