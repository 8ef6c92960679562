import type { Bell } from '../collect/bell.ts';
import { type BackoffRule, backoffMs } from '../core/backoff.ts';
import { marketDayOf, marketDaySpan } from '../core/calendar.ts';
import { FAILURES, OdecetError } from '../core/failure.ts';
import type { Commodity } from '../core/interval.ts';
import type { Millis, UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Entropy } from '../machine/entropy.ts';
import type { Log } from '../machine/log.ts';
import { type Alarm, firstOf } from '../machine/timers.ts';
import type { Closer } from './closer.ts';
import type { Profiler } from './profiler.ts';

/** The work of a stage. */
export interface Pass {
  readonly name: string;
  /** Goes once over what there is to do; gives when to look again even if nobody rings (wall time), undefined = only when rung. */
  readonly pass: (signal: AbortSignal) => Promise<UtcMs | undefined>;
  readonly bell: Bell;
  /** By the pace of the wall: so long after a ring others are waited for, which one pass serves together. */
  readonly gatherMs?: Millis;
}

export interface StageParts extends Pass {
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

const STORE_RETRY: BackoffRule = { firstMs: 1_000, factor: 2, mostMs: 60_000, jitter: 0.3 };

/**
 * Runs a stage that follows the journal until the signal aborts. A disk that is full or fails is waited for; a fault in this
 * program ends the process, which the supervisor starts again on the same records.
 */
export async function runStage(parts: StageParts, signal: AbortSignal): Promise<void> {
  const { name, pass, bell, gatherMs = 0, clock, entropy, log } = parts;
  let failures = 0;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    if (gatherMs > 0 && !isFirst) await quiet(clock.sleep(gatherMs / (clock.rate ?? 1), signal), signal);
    if (signal.aborted) return;
    // Listening starts before the pass, so that a ring during it is not missed.
    let isRung = false;
    const stopListening = bell.alarm(() => {
      isRung = true;
    });
    try {
      const until = await pass(signal);
      failures = 0;
      stopListening();
      if (!isRung) await quiet(firstOf(alarmsOf(bell, clock, until), signal), signal);
    } catch (error) {
      if (!(error instanceof OdecetError) || FAILURES[error.failure.code].next !== 'retry') throw error;
      failures += 1;
      log.error('stage-waits', { stage: name, ...error.failure, failures });
      await quiet(clock.sleep(backoffMs(STORE_RETRY, failures, entropy.fraction()), signal), signal);
    } finally {
      stopListening();
    }
  }
}

function alarmsOf(bell: Bell, clock: Clock, until: UtcMs | undefined): Alarm[] {
  return until === undefined ? [bell.alarm] : [bell.alarm, (wake) => clock.whenWall(until, wake)];
}

/** A wait that ends when aborted, instead of rejecting. */
async function quiet(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await wait;
  } catch (reason) {
    if (!signal.aborted) throw reason;
  }
}

export interface PassParts {
  readonly site: Site;
  readonly profiler: Profiler;
  readonly closer: Closer;
  readonly bells: { readonly readings: Bell; readonly intervals: Bell };
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * At a full hour every line reads its meters within a second or two: the hour of all of them is one synced batch, and looked at
 * once by the stages behind.
 */
const READINGS_GATHER_MS: Millis = 2_000;

/** Between the readings and the outbox: intervals from readings, messages from finished days. */
export function passesOf({ site, profiler, closer, bells, clock, log }: PassParts): Pass[] {
  return [
    {
      name: 'profile',
      bell: bells.readings,
      gatherMs: READINGS_GATHER_MS,
      async pass(signal) {
        const count = await profiler.follow(signal);
        if (count > 0) log.info('intervals-made', { count });
        return undefined;
      },
    },
    {
      name: 'close',
      bell: bells.intervals,
      async pass(signal) {
        await closer.closeDays(signal);
        return nextClose(site, clock.now());
      },
    },
  ];
}

/** When the next market day of either commodity is to be closed. */
function nextClose({ zone, sendAfterMs }: Site, now: UtcMs): UtcMs {
  const today = (commodity: Commodity) =>
    marketDaySpan(commodity, marketDayOf(commodity, now - sendAfterMs, zone), zone);
  return Math.min(today('gas').end, today('electricity').end) + sendAfterMs;
}
