import type { MeterValue, ReadResult } from '../../src/core/driver.ts';
import { type Failure, failure } from '../../src/core/failure.ts';
import type { MeterFlag } from '../../src/core/reading.ts';
import type { UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import type { ReadingSpec } from '../../src/device/model.ts';
import { clockOf, clockPlace, readClock } from './clock.ts';
import { type PlacedFlag, placeFlags, raisedFlags } from './flags.ts';
import { identityPlace, readIdentity } from './identity.ts';
import type { Inquiry } from './inquiry.ts';
import { decodeNumber } from './numbers.ts';
import { type PlacedNumber, type PlacedTime, placeNumber, placeTime } from './places.ts';
import { pick, planRequests, type Wanted } from './plan.ts';
import { type Answer, hexText, rangeText } from './registers.ts';
import { type ClockSetting, decodeTime, doubledHourFault, stampFault } from './times.ts';

/** Everything the device file names, as it is now, incl. the indexes that the meter froze at the last full period. */

interface PlacedReading {
  readonly spec: ReadingSpec;
  readonly value: PlacedNumber;
  readonly stamp?: PlacedTime;
  readonly wanted: Wanted;
}

/** Where everything stands and how it is asked for: the same in every dialogue with a device. */
function placesOf(device: BoundDevice) {
  const readings = device.model.readings.map((spec) => placeReading(device, spec));
  const identity = identityPlace(device);
  const meterClock = clockPlace(device);
  const flags: readonly PlacedFlag[] = placeFlags(device);
  const wanted: Wanted[] = [...readings.map(({ wanted: one }) => one), ...flags.map(({ range }) => ({ value: range }))];
  if (identity) wanted.push({ value: identity.range });
  if (meterClock) wanted.push({ value: meterClock.range });
  const requests = planRequests(wanted, device.model.modbus).map((range) => ({ kind: 'read', range }) as const);
  return { clock: clockOf(device), readings, identity, meterClock, flags, requests };
}

const knownPlaces = new WeakMap<BoundDevice, ReturnType<typeof placesOf>>();

export function currentInquiry(device: BoundDevice, now: UtcMs): Inquiry {
  const places = knownPlaces.get(device) ?? placesOf(device);
  knownPlaces.set(device, places);
  const { clock, readings, identity, meterClock, flags, requests } = places;
  return {
    next: (answers) => (answers.length === 0 ? requests : []),
    result(answers): ReadResult {
      const shownIdentity = readIdentity(identity, answers);
      const raised = raisedFlags(flags, answers);
      const shown = readClock(meterClock, answers, clock, now);
      const carried = { all: raised, stamped: [...new Set([...raised, ...shown.stampFlags])] };
      const values: MeterValue[] = [];
      const unusable = [...shownIdentity.unusable];
      for (const reading of readings) {
        const read = readOne(reading, answers, clock, now, carried);
        if ('code' in read) unusable.push(read);
        else values.push(read);
      }
      return {
        values,
        identity: shownIdentity.identity,
        ...(shown.clock !== undefined && { clock: shown.clock }),
        unusable: [...unusable, ...shown.unusable],
      };
    },
  };
}

function placeReading(device: BoundDevice, spec: ReadingSpec): PlacedReading {
  if (!spec.modbus) throw new RangeError(`the reading ${spec.quantity} has no Modbus place`);
  const value = placeNumber(device, spec.modbus);
  if (!spec.stamp) return { spec, value, wanted: { value: value.range } };
  if (!spec.stamp.modbus) throw new RangeError(`the stamp of ${spec.quantity} has no Modbus place`);
  const stamp = placeTime(device, spec.stamp.modbus);
  return { spec, value, stamp, wanted: { value: value.range, stamp: stamp.range } };
}

/** The flags of every value, and those of the ones that carry a stamp. */
interface Carried {
  readonly all: readonly MeterFlag[];
  readonly stamped: readonly MeterFlag[];
}

/** The value, or why it cannot be used. */
function readOne(
  { spec, value: place, stamp: stampPlace, wanted }: PlacedReading,
  answers: readonly Answer[],
  clock: ClockSetting,
  now: UtcMs,
  flags: Carried,
): MeterValue | Failure {
  const picked = pick(wanted, answers);
  const refuse = (code: Failure['code'], why: string): Failure =>
    failure(code, `${spec.quantity}, ${rangeText(place.range)}: ${why}`);
  const { quantity, kind, unit } = spec;

  const number = decodeNumber(picked.value, place);
  if (number.kind === 'invalid') return refuse('value-invalid', number.why);
  const { value } = number;
  const raw = hexText(picked.value);
  if (!stampPlace || !picked.stamp) return { quantity, kind, value, unit, flags: flags.all, raw };

  if (picked.torn) return refuse('value-invalid', 'its stamp changed while it was read; the next reading will do');
  const stamp = decodeTime(picked.stamp, stampPlace, clock, now);
  if (stamp.kind === 'invalid') return refuse('clock-not-credible', `stamp ${stamp.why}`);
  const fault = stampFault(stamp.value, now) ?? doubledHourFault(picked.stamp, stampPlace, clock, now);
  if (fault) return refuse('clock-not-credible', `stamp ${fault}`);
  const storedAt = stamp.value;
  return { quantity, kind, value, unit, storedAt, flags: flags.stamped, raw: raw + hexText(picked.stamp) };
}
