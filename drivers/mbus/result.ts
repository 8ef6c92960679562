import type { MeterValue, ReadRequest, ReadResult } from '../../src/core/driver.ts';
import type { Failure } from '../../src/core/failure.ts';
import { MINUTE_MS, type UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import type { MbusPlace, ReadingSpec } from '../../src/device/model.ts';
import { type MbusHeader, statusFlags } from './header.ts';
import { findHistory, findValue, type Told } from './match.ts';
import { isRecord, theOne } from './place.ts';
import type { MbusRecord } from './record.ts';
import { clockOf, type MeterTime } from './stamp.ts';

/** What a device file asks of the meter, checked for this request. */
export interface Wanted {
  readonly single: readonly { readonly reading: ReadingSpec; readonly place: MbusPlace; readonly stamp?: MbusPlace }[];
  readonly histories: readonly {
    readonly reading: ReadingSpec;
    readonly place: MbusPlace;
    readonly stamp: MbusPlace;
  }[];
  readonly clock: MbusPlace | undefined;
}

/** Throws RangeError where the device file and the request do not fit. */
export function wantedOf({ model, config }: BoundDevice, request: ReadRequest): Wanted {
  const single: Wanted['single'][number][] = [];
  const histories: Wanted['histories'][number][] = [];
  for (const reading of model.readings) {
    const [place, stamp] = [reading.mbus, reading.stamp?.mbus];
    if (!place) throw new RangeError(`${config.id}: ${reading.quantity} has no M-Bus place`);
    if (place.storageTo === undefined) {
      if (request.want === 'current') single.push({ reading, place, ...(stamp ? { stamp } : {}) });
    } else if (stamp) histories.push({ reading, place, stamp });
    else throw new RangeError(`${config.id}: the history of ${reading.quantity} has no stamp`);
  }
  if (request.want === 'archive' && histories.length === 0) {
    throw new RangeError(`${config.id}: ${model.maker} ${model.model} keeps no history (no reading has storageTo)`);
  }
  return { single, histories, clock: model.meterClock?.mbus };
}

/** Whether every place has a record, so that no further telegram of the meter is needed. */
export function isSatisfied(wanted: Wanted, records: readonly MbusRecord[]): boolean {
  const has = (place: MbusPlace) => isRecord(theOne(records, place));
  return (
    wanted.single.every(({ place, stamp }) => has(place) && (!stamp || has(stamp))) &&
    wanted.histories.every(({ place }) => has({ ...place, storage: place.storageTo ?? place.storage })) &&
    (!wanted.clock || has(wanted.clock))
  );
}

/** The readings out of all records of a dialogue, or the failure that makes the dialogue void. */
export function resultOf(
  device: BoundDevice,
  request: ReadRequest,
  wanted: Wanted,
  header: MbusHeader,
  records: readonly MbusRecord[],
): ReadResult | Failure {
  const values: MeterValue[] = [];
  const unusable: Failure[] = [];
  const summerBitUsed = records.some(({ value }) => value.kind === 'time' && value.summer);
  const time: MeterTime = { zone: device.zone, mode: device.model.clock, now: request.now, summerBitUsed };
  const clock = readClock(wanted.clock, records, time, unusable);
  const told: Told = {
    time: { ...time, ...(clock === undefined ? {} : { clock }) },
    flags: statusFlags(header),
    clockInvalid: wanted.clock !== undefined && clock === undefined,
  };
  for (const { reading, place, stamp } of wanted.single) {
    const found = findValue(records, reading, place, stamp, told);
    if (found.kind === 'missed') return found.failure;
    if (found.kind === 'value') values.push(found.value);
    else unusable.push(found.failure);
  }
  for (const { reading, place, stamp } of wanted.histories) {
    const history = findHistory(records, reading, place, stamp, told);
    if (history.missed) return history.missed;
    values.push(...history.values.filter(({ storedAt }) => within(request, storedAt)));
    unusable.push(...history.unusable);
  }
  return {
    values,
    identity: identityOf(header),
    unusable,
    ...(clock === undefined ? {} : { clock, ...stepOf(wanted.clock, records) }),
  };
}

/** Type F tells no seconds, and most meters tell their clock in it. */
function stepOf(place: MbusPlace | undefined, records: readonly MbusRecord[]): Pick<ReadResult, 'clockStepMs'> {
  const record = place && theOne(records, place);
  const isCoarse = record && isRecord(record) && record.value.kind === 'time' && record.value.precision === 'minute';
  return isCoarse ? { clockStepMs: MINUTE_MS } : {};
}

function readClock(
  place: MbusPlace | undefined,
  records: readonly MbusRecord[],
  time: MeterTime,
  unusable: Failure[],
): UtcMs | undefined {
  if (!place) return undefined;
  const record = theOne(records, place);
  const at = isRecord(record) ? clockOf(record, place, time) : record;
  if (typeof at === 'number') return at;
  unusable.push(at);
  return undefined;
}

function within(request: ReadRequest, at: UtcMs | undefined): boolean {
  return request.want === 'current' || (at !== undefined && request.from <= at && at <= request.to);
}

function identityOf({ id, manufacturer, version }: MbusHeader): ReadResult['identity'] {
  return {
    ...(id === undefined ? {} : { serial: id }),
    ...(manufacturer === undefined ? {} : { maker: manufacturer }),
    ...(version === undefined ? {} : { version: String(version) }),
  };
}
