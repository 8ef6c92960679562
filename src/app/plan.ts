import { decimal, parseDecimal } from '../core/decimal.ts';
import type { Channel, Commodity, PointCode } from '../core/interval.ts';
import type { Quantity } from '../core/quantity.ts';
import { type MarketDay, parseUtc } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { PointConfig, Site } from '../device/site.ts';
import type { ChannelPlan, CounterPlan } from '../profile/interval.ts';

/** A market point with everything computed of it. */
export interface PointPlan {
  readonly code: PointCode;
  readonly commodity: Commodity;
  readonly minutes: number;
  /** The first market day that is answered for, where the site file says so. */
  readonly from?: MarketDay;
  /** Channels computed from counters. Gas energy is derived from `volume` and stands in `published` only. */
  readonly counted: readonly ChannelPlan[];
  /** Every channel that the market gets. */
  readonly published: readonly Channel[];
}

const GAS_COUNTERS: Record<PointConfig['volume'], readonly Quantity[]> = {
  total: ['volume.base.total'],
  undisturbed: ['volume.base'],
  'undisturbed-and-disturbed': ['volume.base', 'volume.base.disturbed'],
};

const ELECTRICITY_COUNTERS: Record<'import' | 'export', Quantity> = {
  import: 'energy.active.import',
  export: 'energy.active.export',
};

/** How each point's channels come from its device's counters. The site has been checked: what is named exists. */
export function planPoints(site: Site, devices: ReadonlyMap<string, BoundDevice>): PointPlan[] {
  return site.points.map((point) => {
    const device = devices.get(point.device)!;
    const minutes = point.commodity === 'gas' ? 60 : point.minutes;
    const channels: [Channel, readonly Quantity[]][] =
      point.commodity === 'gas'
        ? [['volume', GAS_COUNTERS[point.volume]]]
        : point.channels.map((channel) => [channel, [ELECTRICITY_COUNTERS[channel]]]);
    return {
      code: point.code,
      commodity: point.commodity,
      minutes,
      ...(point.from === undefined ? {} : { from: point.from }),
      counted: channels.map(([channel, quantities]) => ({
        point: point.code,
        channel,
        minutes,
        counters: quantities.map((quantity) => counterPlan(device, quantity)),
        capacityPerHour: parseDecimal(point.capacity),
        multipliers: device.config.multiplier.map(({ from, value }) => ({
          from: parseUtc(from),
          value: parseDecimal(value),
        })),
      })),
      published: point.commodity === 'gas' ? ['volume', 'energy'] : point.channels,
    };
  });
}

function counterPlan(device: BoundDevice, quantity: Quantity): CounterPlan {
  const specs = device.model.readings.filter((reading) => reading.quantity === quantity);
  const archived = device.model.archive?.values.some((value) => value.quantity === quantity) ?? false;
  const [spec] = specs;
  const rollover = spec?.rollsOverAt
    ? parseDecimal(spec.rollsOverAt)
    : spec?.digits
      ? decimal(1, spec.digits)
      : undefined;
  return {
    device: device.config.id,
    quantity,
    unit: spec!.unit,
    ...(rollover ? { rollover } : {}),
    stores: archived || specs.some((reading) => reading.stamp !== undefined),
  };
}
