import type { Buffer } from '../buffer/index.ts';
import { offsetMinutes } from '../core/calendar.ts';
import { equal } from '../core/decimal.ts';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';

/** What a meter told, parted by whether its stamp can be believed. */
export interface Believed {
  readonly believed: readonly Reading[];
  readonly refused: readonly Reading[];
}

/**
 * A meter that shows local time gives the frozen values of the doubled autumn hour the same stamps twice. One that freezes late, or
 * has stopped, still shows the first of them in the second hour, and by the clock alone it passes for the second: an hour of
 * nothing, and the next one with the use of two. So what was frozen in the second hour is believed only beside what was in the
 * first, and where a counter has moved since. All that was frozen in one instant is one row of the meter: a counter that stands
 * still, as that of disturbed volume does, is believed with the others. What is not is refused, as the drivers refuse a stamp that
 * can mean either hour: the same value is news when the archive tells it beside that of the first, or the hour is made of samples.
 *
 * @param zone in which the meter shows local time
 */
export async function withoutSecondHourInDoubt(
  buffer: Buffer,
  readings: readonly Reading[],
  zone: string,
): Promise<Believed> {
  const inDoubt = new Set<UtcMs>();
  for (const at of new Set(readings.filter(isStored).map((reading) => reading.at)))
    if (isSecondHour(at, zone) && !(await hasMoved(buffer, readings, at))) inDoubt.add(at);
  if (inDoubt.size === 0) return { believed: readings, refused: [] };
  const isRefused = (reading: Reading) => isStored(reading) && inDoubt.has(reading.at);
  return { believed: readings.filter((reading) => !isRefused(reading)), refused: readings.filter(isRefused) };
}

function isSecondHour(at: UtcMs, zone: string): boolean {
  return offsetMinutes(at - HOUR_MS, zone) - offsetMinutes(at, zone) === 60;
}

/** Whether a counter stood elsewhere an hour before. */
async function hasMoved(buffer: Buffer, readings: readonly Reading[], at: UtcMs): Promise<boolean> {
  const first = at - HOUR_MS;
  for (const { device, quantity, value } of readings.filter((one) => isStoredCounter(one) && one.at === at)) {
    const known = await buffer.readings(device, quantity, { start: first, end: first + 1 }, undefined, 'stored');
    const beside = readings.filter((one) => isStored(one) && one.quantity === quantity && one.at === first);
    const before = [...known, ...beside];
    if (before.length > 0 && before.every((one) => !equal(one.value, value))) return true;
  }
  return false;
}

function isStoredCounter(reading: Reading): boolean {
  return isStored(reading) && reading.kind === 'counter';
}

function isStored({ source }: Reading): boolean {
  return source === 'stored';
}
