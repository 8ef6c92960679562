import { decimalText } from '../../core/decimal.ts';
import type { Channel, Interval, PointCode } from '../../core/interval.ts';
import type { Quantity } from '../../core/quantity.ts';
import type { DeviceId, MeterFlag, Reading } from '../../core/reading.ts';
import type { UtcMs } from '../../core/time.ts';
import type { BoundDevice } from '../../device/bound.ts';
import type { PointPlan } from '../plan.ts';
import { type Metric, QUALITY } from './codec.ts';

/** What a device says in its birth: every metric that it will ever have. */
export interface BornDevice {
  readonly device: DeviceId;
  readonly quantities: readonly Quantity[];
  /** Published profiles that are measured by it. */
  readonly profiles: readonly { readonly point: PointCode; readonly channel: Channel }[];
}

export function bornDevices(
  devices: ReadonlyMap<string, BoundDevice>,
  points: readonly PointPlan[],
): readonly BornDevice[] {
  return [...devices.values()].map(({ config: { id }, model }) => ({
    device: id,
    quantities: [...new Set(model.readings.map(({ quantity }) => quantity))],
    profiles: points
      .filter(({ watch }) => watch.device === id)
      .flatMap(({ code, published }) => published.map((channel) => ({ point: code, channel }))),
  }));
}

export function profileName(point: PointCode, channel: Channel): string {
  return `profile/${point}/${channel}`;
}

/** What makes a value no good present value. The others are told in words only. */
const BAD_FLAGS: readonly MeterFlag[] = ['alarm', 'disturbed', 'clock-invalid'];

/** Sparkplug has binary floats only: a view, not what is billed. */
export function readingMetric({ quantity, value, unit, at, flags }: Reading): Metric {
  const quality = flags.some((flag) => BAD_FLAGS.includes(flag)) ? QUALITY.bad : QUALITY.good;
  return {
    name: quantity,
    type: 'Double',
    value: Number(decimalText(value)),
    timestamp: at,
    properties: {
      Quality: { type: 'Int32', value: quality },
      engUnit: { type: 'String', value: unit },
      ...(flags.length > 0 && { flags: { type: 'String', value: flags.join(' ') } }),
    },
  };
}

/** Stands at the interval's end. Only what was measured or follows from measured values is good. */
export function intervalMetric({ point, channel, value, unit, quality, end, version }: Interval): Metric {
  const isGood = quality === 'measured' || quality === 'computed';
  return {
    name: profileName(point, channel),
    type: 'Double',
    ...(value !== undefined && { value: Number(decimalText(value)) }),
    timestamp: end,
    properties: {
      Quality: { type: 'Int32', value: isGood ? QUALITY.good : QUALITY.bad },
      engUnit: { type: 'String', value: unit },
      intervalQuality: { type: 'String', value: quality },
      version: { type: 'Int32', value: version },
    },
  };
}

/** A metric of which nothing is known yet. */
export function unknownMetric(name: string, now: UtcMs): Metric {
  return { name, type: 'Double', timestamp: now, properties: { Quality: { type: 'Int32', value: QUALITY.stale } } };
}
