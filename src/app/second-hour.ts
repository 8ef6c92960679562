import type { Buffer } from '../buffer/index.ts';
import { offsetMinutes } from '../core/calendar.ts';
import { equal } from '../core/decimal.ts';
import type { MeterFlag, Reading } from '../core/reading.ts';
import { HOUR_MS, type UtcMs } from '../core/time.ts';

/**
 * A meter that shows local time gives the frozen values of the doubled autumn hour the same stamps twice. One that freezes late, or
 * has stopped, still shows the first of them in the second hour, and by the clock alone it passes for the second: an hour of
 * nothing, and the next one with the use of two. So a value of the second hour is believed only beside that of the first, and
 * where the index has moved since. What is not believed is asked of the archive again, or made of samples.
 *
 * @param zone in which the meter shows local time
 */
export async function withSecondHourDoubted(
  buffer: Buffer,
  readings: readonly Reading[],
  zone: string,
): Promise<readonly Reading[]> {
  const checked: Reading[] = [];
  for (const reading of readings) {
    const isDoubtful = reading.source === 'stored' && isSecondHour(reading.at, zone);
    checked.push(!isDoubtful || (await hasMoved(buffer, readings, reading)) ? reading : withDoubt(reading));
  }
  return checked;
}

function isSecondHour(at: UtcMs, zone: string): boolean {
  return offsetMinutes(at - HOUR_MS, zone) - offsetMinutes(at, zone) === 60;
}

async function hasMoved(
  buffer: Buffer,
  beside: readonly Reading[],
  { device, quantity, at, value }: Reading,
): Promise<boolean> {
  const first = at - HOUR_MS;
  const known = await buffer.readings(device, quantity, { start: first, end: first + 1 }, undefined, 'stored');
  const isFirst = (one: Reading) => one.quantity === quantity && one.source === 'stored' && one.at === first;
  const before = [...known, ...beside.filter(isFirst)];
  return before.length > 0 && before.every((one) => !equal(one.value, value));
}

function withDoubt(reading: Reading): Reading {
  const flags: readonly MeterFlag[] = [...new Set<MeterFlag>([...reading.flags, 'clock-invalid'])];
  return { ...reading, flags };
}
