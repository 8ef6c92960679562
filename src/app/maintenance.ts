import type { Buffer, Damage, ScrubPosition, Suspect } from '../buffer/index.ts';
import { OdecetError } from '../core/failure.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type Millis, SECOND_MS, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { type LostSpan, mend } from './mend.ts';
import type { PointPlan } from './plan.ts';
import { type AgeRound, ageRound, trimToFit } from './retention.ts';
import { retentionClock } from './retention-clock.ts';

/** At a low rate seldomer, so that a turn is worth it. */
const SCRUB_EVERY_MS_LEAST = 10 * SECOND_MS;
/** Records looked at without a breath: some milliseconds. */
const SCRUB_AT_ONCE = 100;
const LOOK_EVERY_MS = 5 * MINUTE_MS;
/** What is too old goes by whole days, so there is no need to look for it more often. */
const TRIM_EVERY_MS = HOUR_MS;
/** The same when nothing was old enough the last time. */
const TRIM_SELDOM_MS = 6 * HOUR_MS;
/** Between two passes of a round, so that the stages have most of the processor. */
const TRIM_REST_MS = 2 * SECOND_MS;
/** Percent of the declared size at which somebody is told. */
const ALERT_PERCENTS = [95, 85, 70] as const;
const FULL_PERCENT = 95;
/**
 * The second copy is written anew when it has grown by this, without what no day asks for any more. What it needs may be more:
 * sixty days of 64 points of quarter-hours are 78 MB.
 */
const VITAL_GROWS_BYTES = 16_000_000;
const VITAL_KEEP_MS = 60 * 24 * 60 * MINUTE_MS;
/** Of how many bytes the second copy was when it was last written anew, kept with where the stages are: a start is no reason to. */
const VITAL_NEEDS = 'second-copy/bytes';
const DAY_MS = 24 * HOUR_MS;

export interface StorageStatus {
  readonly bytes: number;
  readonly maxBytes: number;
  readonly percent: number;
  /** The highest limit that is passed; 0 = none. */
  readonly alertPercent: number;
  /** Bytes of records handed to the disk since midnight (UTC), and the whole day before. LevelDB writes each several times. */
  readonly writtenToday: number;
  readonly writtenYesterday?: number;
  /** What the system counts of this process since its start, where it does. */
  readonly writtenByProcess?: number;
  readonly scrub: {
    readonly rounds: number;
    readonly checkedInRound: number;
    readonly roundStartedAt: string;
    readonly lastRoundEndedAt?: string;
  };
  /** Records found damaged or gone since the start, and by it. */
  readonly damaged: number;
  readonly lastRepair?: string;
}

/** What an earlier run counted as written. */
export interface WrittenBefore {
  readonly at: UtcMs;
  /** From the midnight (UTC) before `at` until then. */
  readonly today: number;
  readonly yesterday?: number;
}

export interface MaintenanceParts {
  readonly storage: Site['storage'];
  readonly points: readonly PointPlan[];
  readonly buffer: Buffer;
  readonly clock: Clock;
  readonly log: Log;
  /** The report of a repair at this start. */
  readonly lastRepair?: string;
  /** Records that it found damaged or gone. */
  readonly damagedAtStart?: number;
  readonly writtenByProcess?: () => Promise<number | undefined>;
  readonly writtenBefore?: WrittenBefore;
  /** Says the last word anew on days of which something is lost. */
  readonly finishLost?: (lost: readonly LostSpan[]) => Promise<void>;
}

export interface Maintenance {
  /** Until the signal aborts. A store that fails is told, and tried again at the next turn. */
  run(signal: AbortSignal): Promise<void>;
  status(): Promise<StorageStatus>;
  /** One look at size and age, as the stage takes it from time to time; what is too old goes at once, without rests. */
  look(): Promise<void>;
  /** Looks at about so many records more. */
  scrub(records: number): Promise<void>;
}

/** Scrubbing, retention, the declared size, and the counting of what is written. */
export function createMaintenance(parts: MaintenanceParts): Maintenance {
  const { storage, points, buffer, clock, log, lastRepair } = parts;
  const scrubbed = { rounds: 0, checkedInRound: 0, roundStartedAt: clock.now(), lastRoundEndedAt: 0 as UtcMs };
  const written = countedSince(parts.writtenBefore, clock.now());
  let position: ScrubPosition | undefined;
  const believedNow = retentionClock(buffer, clock);
  let isClockDoubted = false;
  let alertPercent = 0;
  let trimAt = clock.monotonicMs();
  let lookAt = clock.monotonicMs();
  /** The round of retention that is under way. */
  let round: AgeRound | undefined;
  let damaged = parts.damagedAtStart ?? 0;
  /** Found and marked by this run, and not mended yet: the disk may have been full. */
  const unmended: Damage[] = [];

  async function scrub(records: number): Promise<void> {
    for (let left = records; left > 0; ) {
      const { next, checked, suspects } = await buffer.scrub(position, Math.min(SCRUB_AT_ONCE, left));
      await heed(suspects);
      position = next;
      scrubbed.checkedInRound += checked;
      left -= Math.max(1, checked);
      if (next) continue;
      Object.assign(scrubbed, { rounds: scrubbed.rounds + 1, lastRoundEndedAt: clock.now() });
      log.info('scrub-round-done', { checked: scrubbed.checkedInRound, damaged });
      Object.assign(scrubbed, { checkedInRound: 0, roundStartedAt: clock.now() });
      return;
    }
  }

  async function heed(suspects: readonly Suspect[]): Promise<void> {
    const found = suspects.length === 0 ? [] : await buffer.quarantine(suspects);
    damaged += found.length;
    for (const { key, detail } of found) log.error('record-damaged', { record: key, detail });
    unmended.push(...found);
    if (unmended.length === 0) return;
    const { mended, lost } = await mend({ buffer, points, retention: storage.retention }, unmended, clock.now());
    log.warn('damage-mended', { ...mended });
    await parts.finishLost?.(lost);
    await buffer.mended();
    unmended.length = 0;
  }

  async function lookOnce(): Promise<void> {
    const now = clock.now();
    const { store, vital } = await countWritten(now);
    const credible = await credibleNow();
    if (round || clock.monotonicMs() >= trimAt) await trim(credible);
    tellSize(store);
    if ((100 * store) / storage.maxBytes >= FULL_PERCENT)
      log.warn('storage-trimmed', { ...(await trimToFit({ storage, buffer, now })) });
    // One that is smaller than it was is another.
    const needs = Math.min(await buffer.cursor(VITAL_NEEDS), vital);
    if (vital <= needs + VITAL_GROWS_BYTES) return;
    await buffer.compactVital(credible - VITAL_KEEP_MS);
    buffer.advanceCursor(VITAL_NEEDS, (await buffer.size()).vital);
  }

  /** The time by which what is old is given up; a clock that jumped ahead is told once. */
  async function credibleNow(): Promise<UtcMs> {
    const { now, aheadMs } = await believedNow();
    const isDoubted = aheadMs > 0;
    if (isDoubted && !isClockDoubted)
      log.warn('retention-doubts-clock', { now: isoUtc(now), clock: isoUtc(now + aheadMs) });
    isClockDoubted = isDoubted;
    return now;
  }

  /** One pass. A round whose pass fails is over: the next look begins another. */
  async function trim(now: UtcMs): Promise<void> {
    const current = round ?? ageRound({ storage, buffer, now });
    round = undefined;
    if (await current.pass()) {
      round = current;
      return;
    }
    const foundNothing = Object.keys(current.counts).length === 0;
    if (!foundNothing) {
      // The second copy must know where the journals begin: the store may lose the record that says so.
      await buffer.tellHeads();
      log.info('retention-done', { ...current.counts });
    }
    trimAt = clock.monotonicMs() + (foundNothing ? TRIM_SELDOM_MS : TRIM_EVERY_MS);
  }

  /** A look, or between two the next pass of a round. */
  async function turn(): Promise<void> {
    if (round && clock.monotonicMs() < lookAt) return trim(await credibleNow());
    try {
      await lookOnce();
    } finally {
      lookAt = clock.monotonicMs() + LOOK_EVERY_MS;
    }
  }

  async function countWritten(now: UtcMs): Promise<Awaited<ReturnType<Buffer['size']>>> {
    const size = await buffer.size();
    if (dayOf(now) !== written.day) {
      log.info('written-in-day', { day: written.day, bytes: size.written - written.before });
      written.yesterday = size.written - written.before;
      Object.assign(written, { day: dayOf(now), before: size.written });
    }
    return size;
  }

  function tellSize(bytes: number): void {
    const percent = (100 * bytes) / storage.maxBytes;
    const passed = ALERT_PERCENTS.find((limit) => percent >= limit) ?? 0;
    const fields = { bytes, maxBytes: storage.maxBytes, percent: Math.round(percent) };
    if (passed > alertPercent) log.warn('storage-filling', { ...fields, limit: passed });
    if (passed < alertPercent) log.info('storage-has-room', { ...fields, limit: alertPercent });
    alertPercent = passed;
  }

  /** A failure is told and the next turn tries again. @param restMs between two */
  async function repeat(restMs: () => Millis, work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof OdecetError)) throw error;
        log.error('maintenance-waits', { ...error.failure });
      }
      await clock.sleep(restMs(), signal).catch(() => undefined);
    }
  }

  return {
    scrub,
    async look() {
      await lookOnce();
      while (round) await trim(await credibleNow());
    },
    async run(signal) {
      const perMs = storage.scrubPerSecond / SECOND_MS;
      const everyMs = Math.max(SCRUB_EVERY_MS_LEAST, SCRUB_AT_ONCE / perMs);
      const scrubbing =
        perMs > 0
          ? repeat(
              () => everyMs,
              () => scrub(Math.round(perMs * everyMs)),
              signal,
            )
          : undefined;
      const restMs = () => (round ? TRIM_REST_MS : Math.max(0, lookAt - clock.monotonicMs()));
      await Promise.all([repeat(restMs, turn, signal), scrubbing]);
    },
    async status() {
      const { store, written: total } = await countWritten(clock.now());
      const byProcess = await parts.writtenByProcess?.();
      const { rounds, checkedInRound, roundStartedAt, lastRoundEndedAt } = scrubbed;
      return {
        bytes: store,
        maxBytes: storage.maxBytes,
        percent: Math.round((1000 * store) / storage.maxBytes) / 10,
        alertPercent,
        writtenToday: total - written.before,
        ...(written.yesterday !== undefined && { writtenYesterday: written.yesterday }),
        ...(byProcess !== undefined && { writtenByProcess: byProcess }),
        scrub: {
          rounds,
          checkedInRound,
          roundStartedAt: isoUtc(roundStartedAt),
          ...(rounds > 0 && { lastRoundEndedAt: isoUtc(lastRoundEndedAt) }),
        },
        damaged,
        ...(lastRepair !== undefined && { lastRepair }),
      };
    },
  };
}

/** Goes on where an earlier run of the same day, or of the day before, left off. */
function countedSince(earlier: WrittenBefore | undefined, now: UtcMs) {
  const fresh = { day: dayOf(now), before: 0, yesterday: undefined as number | undefined };
  if (!earlier) return fresh;
  if (dayOf(earlier.at) === fresh.day) return { ...fresh, before: -earlier.today, yesterday: earlier.yesterday };
  return dayOf(earlier.at + DAY_MS) === fresh.day ? { ...fresh, yesterday: earlier.today } : fresh;
}

function dayOf(at: UtcMs): string {
  return isoUtc(at).slice(0, '2026-03-28'.length);
}
