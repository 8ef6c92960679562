import { type LocalTime, type MeterClockMode, meterTimeToUtc } from '../../src/core/calendar.ts';
import * as doubled from '../../src/core/doubled-hour.ts';
import { isoUtc, MINUTE_MS, type Millis, parseUtc, SECOND_MS, type UtcMs } from '../../src/core/time.ts';
import { MODBUS_TIMES, type ModbusOrder } from '../../src/device/model.ts';
import { type Decoded, highFirst } from './numbers.ts';
import { hexText } from './registers.ts';

/** A meter's time registers -> UTC, and whether a stamp can be believed. */

export type ModbusTime = (typeof MODBUS_TIMES)[number];

export interface TimeFormat extends ModbusOrder {
  readonly type: ModbusTime;
}

/** How the meter's clock runs and where it hangs. */
export interface ClockSetting {
  readonly zone: string;
  readonly mode: MeterClockMode;
}

export const QUARTER_MS: Millis = 15 * MINUTE_MS;
/** Clocks that were never set start at 1970, 1990 or 2000-01-01; nothing was stored for the market before this. */
const EARLIEST: UtcMs = parseUtc('2000-01-02T00:00:00Z');

export function isModbusTime(type: string): type is ModbusTime {
  return MODBUS_TIMES.some((time) => time === type);
}

/** @param near resolves the autumn hour that happens twice, see meterTimeToUtc */
export function decodeTime(bytes: Uint8Array, format: TimeFormat, clock: ClockSetting, near: UtcMs): Decoded<UtcMs> {
  if (format.type === 'unix-u32') {
    return { kind: 'value', value: Number(`0x${hexText(highFirst(bytes, format))}`) * SECOND_MS };
  }
  // The local formats are rows of fields, not one number: the word order does not turn them.
  const registers = highFirst(bytes, { words: 'high-first', bytes: format.bytes });
  const hex = hexText(registers);
  const local = format.type === 'local-words6' ? localFromWords(registers) : localFromBcd(hex);
  const at = local && meterTimeToUtc(local, clock.zone, clock.mode, { near });
  return at === undefined
    ? { kind: 'invalid', why: `${hex} is no time in ${clock.zone}` }
    : { kind: 'value', value: at };
}

export function meaningsOf(bytes: Uint8Array, format: TimeFormat, clock: ClockSetting): Decoded<doubled.Meanings> {
  const early = decodeTime(bytes, format, clock, 0);
  if (early.kind === 'invalid') return early;
  const late = decodeTime(bytes, format, clock, Number.MAX_SAFE_INTEGER);
  return late.kind === 'invalid' ? late : { kind: 'value', value: { early: early.value, late: late.value } };
}

/** Why the stamp of the value frozen last may mean either of two hours; see core. */
export function doubledHourFault(
  bytes: Uint8Array,
  format: TimeFormat,
  clock: ClockSetting,
  now: UtcMs,
): string | undefined {
  const meanings = meaningsOf(bytes, format, clock);
  return meanings.kind === 'invalid' ? undefined : doubled.doubledHourFault(meanings.value, now);
}

/** Why an instant cannot be the stamp of a frozen index, or undefined when it can. */
export function stampFault(at: UtcMs, now: UtcMs): string | undefined {
  if (at % QUARTER_MS !== 0) return `${isoUtc(at)} is not a full quarter-hour`;
  if (at > now + doubled.STAMP_AHEAD_MS_MAX) return `${isoUtc(at)} lies in the future (now ${isoUtc(now)})`;
  return at < EARLIEST ? `${isoUtc(at)} is from a clock that was never set` : undefined;
}

function localFromWords(bytes: Uint8Array): LocalTime {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return fields((index) => view.getUint16(2 * index), 0);
}

/** YYMMDDhhmmss; two-digit years are of this century. */
function localFromBcd(hex: string): LocalTime | undefined {
  return /^\d{12}$/.test(hex) ? fields((index) => Number(hex.slice(2 * index, 2 * index + 2)), 2000) : undefined;
}

function fields(field: (index: number) => number, century: number): LocalTime {
  return {
    year: century + field(0),
    month: field(1),
    day: field(2),
    hour: field(3),
    minute: field(4),
    second: field(5),
  };
}
