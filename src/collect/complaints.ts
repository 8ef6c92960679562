import { FAILURES, type Failure, type FailureCode } from '../core/failure.ts';
import { HOUR_MS, type Millis, type UtcMs } from '../core/time.ts';
import type { Log } from '../machine/log.ts';
import { isClockOff } from './readings.ts';
import type { DeviceStatus, Round } from './round.ts';

/** A complaint is over when it did not come for so long, and a changed one is told no earlier: no meter can flood the log. */
const QUIET_MS: Millis = HOUR_MS;

/** The newest thing a device said that could not be used, and what of it people were told. */
export interface Complaints {
  readonly lastUnusable: DeviceStatus['lastUnusable'];
  hear(round: Round): void;
}

interface Told<T> {
  readonly what: T;
  readonly at: UtcMs;
  readonly heardAt: UtcMs;
}

/** What one device tells wrongly though its dialogues are good: logged once, when it changes, and when it is over. */
export function createComplaints(log: Log, clockOffMsMax: Millis): Complaints {
  const told = new Map<FailureCode, Told<string>>();
  let clock: Told<Millis> | undefined;
  let lastUnusable: DeviceStatus['lastUnusable'];

  function hearUnusable({ unusable, endedAt }: Round): void {
    for (const [code, detail] of byCode(unusable)) {
      const known = told.get(code);
      const isTold = known && (shape(known.what) === shape(detail) || !isLongAgo(known.at, endedAt));
      if (!isTold) tell(code, detail);
      told.set(code, isTold ? { ...known, heardAt: endedAt } : { what: detail, at: endedAt, heardAt: endedAt });
    }
    for (const [code, { heardAt }] of told) {
      if (!isLongAgo(heardAt, endedAt)) continue;
      log.info('value-usable-again', { code });
      told.delete(code);
    }
  }

  function tell(code: FailureCode, detail: string): void {
    if (FAILURES[code].next === 'person') log.error('value-unusable', { code, detail });
    else log.warn('value-unusable', { code, detail });
  }

  function hearClock(round: Round): void {
    const { clockOffsetMs, endedAt } = round;
    if (clockOffsetMs === undefined) return;
    if (!isClockOff(round, clockOffMsMax)) {
      if (clock && isLongAgo(clock.heardAt, endedAt)) {
        log.info('meter-clock-right', { clockOffsetMs });
        clock = undefined;
      }
      return;
    }
    const isTold = clock && (!isFarFrom(clock.what, clockOffsetMs) || !isLongAgo(clock.at, endedAt));
    if (!isTold) log.warn('meter-clock-off', { clockOffsetMs, clockOffMsMax });
    clock = clock && isTold ? { ...clock, heardAt: endedAt } : { what: clockOffsetMs, at: endedAt, heardAt: endedAt };
  }

  return {
    get lastUnusable() {
      return lastUnusable;
    },
    hear(round) {
      const newest = round.unusable.at(-1);
      if (newest) lastUnusable = { ...newest, at: round.endedAt };
      hearUnusable(round);
      hearClock(round);
    },
  };
}

function byCode(failures: readonly Failure[]): Map<FailureCode, string> {
  const details = new Map<FailureCode, string>();
  for (const { code, detail } of failures) {
    const before = details.get(code);
    details.set(code, before === undefined ? detail : `${before}; ${detail}`);
  }
  return details;
}

/** A detail that names another instant or value each time says the same thing. */
function shape(detail: string): string {
  return detail.replace(/\d+/g, '#');
}

/** Also when the wall stepped back by as much. */
function isLongAgo(at: UtcMs, now: UtcMs): boolean {
  return Math.abs(now - at) >= QUIET_MS;
}

/** A clock that stands still is off by more every minute: only twice as much, half as much or the other side is news. */
function isFarFrom(told: Millis, now: Millis): boolean {
  return now / told >= 2 || now / told <= 0.5;
}
