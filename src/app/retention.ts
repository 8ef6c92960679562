import type { Buffer, Stream } from '../buffer/index.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';

const DAY_MS = 24 * HOUR_MS;
/** Entries looked at in one pass: a pass takes seconds, the next follows. */
const ENTRIES_MAX = 200_000;
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

/** Gives up what is older than the site file says, whole days at once. Gives the number of records of each stream. */
export async function trimByAge({ storage: { retention }, buffer, now }: Retained): Promise<TrimCounts> {
  const days: readonly [Kept, number][] = [
    ['samples', retention.samplesDays],
    ['readings', retention.readingsDays],
    ['intervals', retention.intervalsDays],
    ['delivery', Math.max(retention.messagesDays, retention.intervalsDays)],
  ];
  const counts: TrimCounts = {};
  for (const [stream, count] of days) {
    // Whole days: the room of a day is given back once, not a bit every hour.
    const olderThan = Math.floor((now - count * DAY_MS) / DAY_MS) * DAY_MS;
    const upTo = await followedUpTo(buffer, stream);
    const { records } = await buffer.trim(stream, { olderThan, now, entriesMax: ENTRIES_MAX, upTo });
    if (records > 0) counts[stream] = records;
  }
  return counts;
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
      if (trimmed.records > 0) counts[stream] = (counts[stream] ?? 0) + trimmed.records;
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
