import { failure, OdecetError } from '../core/failure.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import type { Alerts } from '../uplink/relay/alerts.ts';
import { createAgeClock } from './age-clock.ts';
import type { RelayStore } from './store.ts';

const DAY_MS = 24 * HOUR_MS;
/**
 * An envelope is refused as too old (AGE_MS_MAX of the intake) a day before its message is forgotten: until then the store knows
 * that it was answered, so that a site that still asks for a receipt gets one, and the operator no second copy.
 */
const FORGET_AFTER_DAYS = 801;
const LOOK_EVERY_MS = HOUR_MS;
/** Portions with a rest between them: what is under way comes first. */
const PORTION = 500;
const REST_MS = 100;
const SIZE_ALERT = 'store-large';
const MENDED_ALERT = 'store-damaged';
const UNREAD_ALERT = 'store-unread';
const CLOCK_ALERT = 'clock-ahead';
/** So long after the last damage somebody is told of it. */
const MENDED_SHOWN_MS = DAY_MS;

export interface Retention {
  /** How long envelope and verbatim answer stay after the answer. What has no answer stays. */
  readonly acceptedDays: number;
  readonly rejectedDays: number;
  readonly sizeMaxMb: number;
}

export interface CaretakerDeps {
  readonly store: RelayStore;
  readonly retention: Retention;
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Looks after the store: gives up what was answered long ago, and says when it has become larger than it should, or when rows of
 * it had to be mended.
 */
export function createCaretaker({ store, retention, alerts, clock, log }: CaretakerDeps) {
  const age = createAgeClock(store, clock);
  let mended = 0;
  let mendedAt = clock.monotonicMs();
  store.onMended(({ key, why, rebuilt }) => {
    mended += 1;
    mendedAt = clock.monotonicMs();
    const detail = `${key} could not be read (${why}) and was made anew: ${rebuilt}. ${mended} since the start; what stood there is kept aside. Look at the disk`;
    log.error('row-mended', { ...failure('store-damaged', detail) });
    alerts.raise(MENDED_ALERT, failure('store-damaged', detail));
  });

  store.onUnread?.((what) => {
    if (what === undefined) return alerts.clear(UNREAD_ALERT);
    log.error('messages-unread', { ...failure('store-damaged', what) });
    alerts.raise(UNREAD_ALERT, failure('store-damaged', what));
  });

  async function shed(now: UtcMs, signal: AbortSignal): Promise<void> {
    const rule = {
      acceptedBefore: now - retention.acceptedDays * DAY_MS,
      rejectedBefore: now - retention.rejectedDays * DAY_MS,
      removedBefore: now - FORGET_AFTER_DAYS * DAY_MS,
    };
    const total = { bared: 0, removed: 0 };
    for (;;) {
      const { bared, removed, isDone } = await store.shed(rule, PORTION);
      total.bared += bared;
      total.removed += removed;
      if (isDone || signal.aborted) break;
      await clock.sleep(REST_MS, signal);
    }
    if (total.bared + total.removed > 0) log.info('store-shed', total);
  }

  async function look(): Promise<void> {
    if (clock.monotonicMs() - mendedAt >= MENDED_SHOWN_MS) alerts.clear(MENDED_ALERT);
    const sizeMb = Math.round((await store.size()) / 1e6);
    const { sizeMaxMb, acceptedDays } = retention;
    if (sizeMb <= sizeMaxMb) return alerts.clear(SIZE_ALERT);
    const detail = `the relay's store has ${sizeMb} MB, at most ${sizeMaxMb} were expected; give it room and raise retention.sizeMaxMb, or keep accepted messages for less than ${acceptedDays} days`;
    alerts.raise(SIZE_ALERT, failure('store-large', detail));
  }

  async function lookAtClock(): Promise<UtcMs | undefined> {
    const { at, doubt } = await age.look();
    if (doubt === undefined) alerts.clear(CLOCK_ALERT);
    else alerts.raise(CLOCK_ALERT, failure('relay-clock', doubt));
    return at;
  }

  return {
    async run(signal: AbortSignal): Promise<void> {
      let shedAt = clock.monotonicMs() - DAY_MS;
      while (!signal.aborted) {
        try {
          await look();
          const at = await lookAtClock();
          if (at !== undefined && clock.monotonicMs() - shedAt >= DAY_MS) {
            await shed(at, signal);
            shedAt = clock.monotonicMs();
          }
        } catch (error) {
          if (signal.aborted) return;
          const problem = error instanceof OdecetError ? error.failure : failure('unexpected', String(error));
          log.error('store-not-looked-after', { ...problem });
        }
        await clock.sleep(LOOK_EVERY_MS, signal).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
    },
  };
}
