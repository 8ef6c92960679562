import type { Buffer } from '../buffer/index.ts';
import { HOUR_MS, type Millis, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';

const DAY_MS = 24 * HOUR_MS;
/** Further the clock does not go by itself while somebody looks every few minutes. */
const JUMP_MS_MAX = DAY_MS;
/** A jump that has stood for so long is true: the machine was switched off, or began with a clock of 1970. */
const DOUBTED_FOR_MS = 7 * DAY_MS;
/** The instant that is believed, kept with where the stages are. */
export const BELIEVED = 'retention/now';
/** What stands on the disk may be so much older. */
const KEPT_EVERY_MS = HOUR_MS;

export interface BelievedNow {
  readonly now: UtcMs;
  /** How far the clock is ahead of it; 0 when nothing is doubted. */
  readonly aheadMs: Millis;
}

/**
 * The time by which old records are given up. A wall clock that jumps years ahead would make everything too old at once, and what
 * was given up does not come back when the clock is put right: a jump is believed after a week. Until then time goes on from
 * before it.
 */
export function retentionClock(buffer: Pick<Buffer, 'cursor' | 'advanceCursor'>, clock: Clock) {
  let lookedAtMs = clock.monotonicMs();
  let doubtedAtMs: number | undefined;
  let believed: UtcMs | undefined;
  let kept = 0;

  return async (): Promise<BelievedNow> => {
    const wall = clock.now();
    const monotonicMs = clock.monotonicMs();
    if (believed === undefined) {
      kept = await buffer.cursor(BELIEVED);
      believed = kept || wall;
    }
    const next = believed + (monotonicMs - lookedAtMs);
    lookedAtMs = monotonicMs;
    const isJump = wall - next > JUMP_MS_MAX;
    doubtedAtMs = isJump ? (doubtedAtMs ?? monotonicMs) : undefined;
    const isBelieved = doubtedAtMs === undefined || monotonicMs - doubtedAtMs >= DOUBTED_FOR_MS;
    believed = isBelieved ? wall : next;
    if (Math.abs(believed - kept) >= KEPT_EVERY_MS) {
      kept = Math.max(0, Math.floor(believed));
      buffer.advanceCursor(BELIEVED, kept);
    }
    return { now: believed, aheadMs: wall - believed };
  };
}
