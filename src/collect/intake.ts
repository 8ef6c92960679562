import { isoUtc, type Millis } from '../core/time.ts';
import type { Log } from '../machine/log.ts';
import { createComplaints } from './complaints.ts';
import type { DeviceStatus, Round } from './round.ts';
import { FIRST_ORDER, inOrder } from './sample-order.ts';

/** What becomes of the good dialogues of one device. */
export interface Intake {
  readonly lastUnusable: DeviceStatus['lastUnusable'];
  /** Gives the round as it is to be kept. @param steps how often the wall was set until then */
  take(round: Round, steps: number): Round;
}

/** @param log bound to the device */
export function createIntake(log: Log, clockOffMsMax: Millis): Intake {
  const complaints = createComplaints(log, clockOffMsMax);
  let order = FIRST_ORDER;
  return {
    get lastUnusable() {
      return complaints.lastUnusable;
    },
    take(round, steps) {
      complaints.hear(round);
      const ordered = inOrder(order, round.readings, steps);
      order = ordered.order;
      if (ordered.repeatsUntil !== undefined) log.warn('samples-repeated', { until: isoUtc(ordered.repeatsUntil) });
      return { ...round, readings: ordered.readings, wallSteps: steps };
    },
  };
}
