import { shownAt } from '../../src/core/doubled-hour.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { MeterFlag } from '../../src/core/reading.ts';
import { isoUtc, type UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { type PlacedTime, placeTime } from './places.ts';
import { pick } from './plan.ts';
import { type Answer, rangeText } from './registers.ts';
import { type ClockSetting, meaningsOf } from './times.ts';

/** The meter's own clock, asked in every dialogue that brings stamps: whoever believes them must know how far it is off. */

export function clockOf({ model, zone }: BoundDevice): ClockSetting {
  return { zone, mode: model.clock };
}

export function clockPlace(device: BoundDevice): PlacedTime | undefined {
  const { meterClock } = device.model;
  return meterClock?.modbus && placeTime(device, meterClock.modbus);
}

export interface Shown {
  readonly clock?: UtcMs;
  /** What the stamps of this dialogue carry: a clock that is named and cannot be read leaves nothing to judge them by. */
  readonly stampFlags: readonly MeterFlag[];
  readonly unusable: readonly Failure[];
}

/** What it showed, or why that is no time. Whether the clock is right is for the collector to judge. */
export function readClock(
  place: PlacedTime | undefined,
  answers: readonly Answer[],
  setting: ClockSetting,
  now: UtcMs,
): Shown {
  if (!place) return { stampFlags: [], unusable: [] };
  const shown = meaningsOf(pick({ value: place.range }, answers).value, place, setting);
  if (shown.kind === 'value') return { clock: shownAt(shown.value, now), stampFlags: [], unusable: [] };
  const detail = `meter clock, ${rangeText(place.range)}: ${shown.why} (now ${isoUtc(now)})`;
  return { stampFlags: ['clock-invalid'], unusable: [failure('clock-not-credible', detail)] };
}
