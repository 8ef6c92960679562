import { decimalText } from '../../src/core/decimal.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { decodeNumber } from './numbers.ts';
import { type PlacedNumber, placeNumber } from './places.ts';
import { pick } from './plan.ts';
import { type Answer, rangeText } from './registers.ts';

/** The meter's own serial number, asked in every dialogue whose device file places it: it proves whose values these are. */

export function identityPlace(device: BoundDevice): PlacedNumber | undefined {
  return device.model.identity && placeNumber(device, device.model.identity.modbus);
}

export interface Identity {
  readonly identity: { readonly serial?: string };
  readonly unusable: readonly Failure[];
}

export function readIdentity(place: PlacedNumber | undefined, answers: readonly Answer[]): Identity {
  if (!place) return { identity: {}, unusable: [] };
  const serial = decodeNumber(pick({ value: place.range }, answers).value, place);
  if (serial.kind === 'value') return { identity: { serial: decimalText(serial.value) }, unusable: [] };
  const detail = `serial number, ${rangeText(place.range)}: ${serial.why}`;
  return { identity: {}, unusable: [failure('value-invalid', detail)] };
}
