import { type Failure, failure } from '../../src/core/failure.ts';
import type { MbusPlace } from '../../src/device/model.ts';
import type { MbusRecord } from './record.ts';

/** The record at a place; the failure when there is none or more than one. */
export function theOne(records: readonly MbusRecord[], place: MbusPlace): MbusRecord | Failure {
  let found: MbusRecord | undefined;
  for (const record of records) {
    if (!stands(record, place)) continue;
    if (found)
      return failure('value-ambiguous', `two records fit ${placeText(place)}; name the VIFE that tells them apart`);
    found = record;
  }
  return found ?? failure('value-missing', `no record fits ${placeText(place)}`);
}

export function isRecord(found: MbusRecord | Failure): found is MbusRecord {
  return 'raw' in found;
}

function stands(record: MbusRecord, place: MbusPlace): boolean {
  return (
    record.storage === place.storage &&
    record.quantity === place.value &&
    record.function === place.function &&
    record.tariff === place.tariff &&
    record.subunit === place.subunit &&
    record.vife.length === place.vife.length &&
    record.vife.every((code, n) => code === place.vife[n])
  );
}

/** `volume, storage 1` with what differs from the ordinary. */
export function placeText(place: MbusPlace): string {
  const parts: string[] = [place.value];
  if (place.function !== 'instantaneous') parts.push(place.function);
  parts.push(`storage ${place.storage}`);
  if (place.tariff) parts.push(`tariff ${place.tariff}`);
  if (place.subunit) parts.push(`subunit ${place.subunit}`);
  if (place.vife.length) parts.push(`VIFE ${place.vife.join(' ')}`);
  return parts.join(', ');
}
