import { decimalText } from '../../src/core/decimal.ts';
import type { MbusValue } from './data.ts';
import type { MbusRecord } from './record.ts';
import type { MbusTelegram } from './telegram.ts';

/** A telegram as JSON, for people and other programs. Numbers are exact decimal text in `unit`; null is "the meter does not say". */
export interface ShownTelegram {
  readonly manufacturer: string | null;
  readonly id: string | null;
  readonly version: number | null;
  readonly medium: string | null;
  readonly status: number | null;
  readonly records: readonly ShownRecord[];
}

export interface ShownRecord {
  readonly function: string;
  readonly storage: number;
  readonly tariff: number;
  readonly subunit: number;
  readonly quantity: string;
  readonly unit: string;
  /** Number, text, hex of bytes, or time; null where there is none. */
  readonly value: string | null;
  readonly vife: readonly string[];
  /** The meter's own wall time, where the value is a date or time. */
  readonly time: string | null;
  /** The summer time bit, where the coding has one (types F and I); false also from meters that never set it. */
  readonly summer?: boolean;
  /** Why the record has no value although the meter sent it. */
  readonly invalid?: string;
}

export function showTelegram({ header, records }: MbusTelegram): ShownTelegram {
  const { manufacturer = null, id = null, version = null, medium = null, status = null } = header;
  return { manufacturer, id, version, medium, status, records: records.map(showRecord) };
}

function showRecord(record: MbusRecord): ShownRecord {
  const { storage, tariff, subunit, quantity, unit, vife, value } = record;
  const time = timeText(value);
  return {
    function: record.function,
    storage,
    tariff,
    subunit,
    quantity,
    unit,
    value: time ?? valueText(value),
    vife,
    time,
    ...(value.kind === 'time' && value.precision !== 'day' ? { summer: value.summer } : {}),
    ...(value.kind === 'invalid' ? { invalid: value.reason } : {}),
  };
}

function valueText(value: MbusValue): string | null {
  switch (value.kind) {
    case 'number':
      return decimalText(value.number);
    case 'text':
      return value.text;
    case 'bytes':
      return value.hex;
    case 'none':
    case 'invalid':
    case 'time':
    case 'time-of-day':
    case 'periodic':
      return null;
  }
}

/** `2026-03-28`, `2026-03-28T06:00` or `2026-03-28T06:00:00` as finely as the meter tells it, or a rule like `*-03-28 *:*:00`. */
function timeText(value: MbusValue): string | null {
  if (value.kind === 'periodic') return value.text;
  if (value.kind === 'time-of-day') return clockText(value, true);
  if (value.kind !== 'time') return null;
  const { year, month, day } = value.local;
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  return value.precision === 'day' ? date : `${date}T${clockText(value.local, value.precision === 'second')}`;
}

function clockText(time: { hour: number; minute: number; second: number }, seconds: boolean): string {
  return [time.hour, time.minute, ...(seconds ? [time.second] : [])].map(two).join(':');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
