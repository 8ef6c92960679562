import { decimal, equal, parseDecimal } from '../core/decimal.ts';
import type { Channel, Commodity, GasState, PointCode } from '../core/interval.ts';
import type { Quantity } from '../core/quantity.ts';
import type { DeviceId } from '../core/reading.ts';
import { type MarketDay, parseUtc } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import type { ConversionConfig, ValidationConfig } from '../device/profile-config.ts';
import type { PointConfig, Site } from '../device/site.ts';
import type { Compressibility } from '../profile/conversion.ts';
import type { EstimationRule } from '../profile/estimate.ts';
import type { ChannelPlan, CounterPlan } from '../profile/interval.ts';
import type { Limits } from '../profile/validate.ts';

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
  readonly limits: Limits;
  /** What may be estimated; nothing where the site file does not say. */
  readonly estimation?: EstimationRule;
  readonly watch: Watched;
  /** Where `volume: operating` gets pressure and temperature that its device does not measure. */
  readonly fixedState: Partial<GasState>;
}

/** What is looked at beside the counters: of the point's device, where it has it. */
export interface Watched {
  readonly device: DeviceId;
  readonly activity?: Quantity;
  readonly disturbed?: Quantity;
}

const GAS_COUNTERS: Record<PointConfig['volume'], readonly Quantity[]> = {
  total: ['volume.base.total'],
  undisturbed: ['volume.base'],
  'undisturbed-and-disturbed': ['volume.base', 'volume.base.disturbed'],
  operating: ['volume.operating.total'],
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
        multipliers: multipliersOf(device),
        spikePercent: limitOf(site, point, 'spikePercent') ?? DEFAULTS.spikePercent,
        ...(point.conversion && { conversion: compressibilityOf(point.conversion) }),
      })),
      published: point.commodity === 'gas' ? ['volume', 'energy'] : point.channels,
      limits: limitsOf(site, point),
      ...(point.estimation && { estimation: estimationOf(point.estimation) }),
      watch: watchedOf(device, point),
      fixedState: {
        ...(point.conversion?.pressureKPa && { pressureKPa: parseDecimal(point.conversion.pressureKPa) }),
        ...(point.conversion?.temperatureC && { temperatureC: parseDecimal(point.conversion.temperatureC) }),
      },
    };
  });
}

/** Transformers exchanged for others of the same ratio change nothing in what the meter counts. */
function multipliersOf({ config }: BoundDevice): ChannelPlan['multipliers'] {
  const stated = config.multiplier.map(({ from, value }) => ({ from: parseUtc(from), value: parseDecimal(value) }));
  return stated.filter(({ value }, n) => n === 0 || !equal(value, stated[n - 1]!.value));
}

export interface CountedPlan {
  readonly point: PointPlan;
  readonly plan: ChannelPlan;
}

/** Which channels rest on a counter: none on most of what a meter tells. */
export function plansByCounter(
  points: readonly PointPlan[],
): (counter: { readonly device: DeviceId; readonly quantity: Quantity }) => readonly CountedPlan[] {
  const nameOf = ({ device, quantity }: Pick<CounterPlan, 'device' | 'quantity'>) => `${device} ${quantity}`;
  const plans = new Map<string, CountedPlan[]>();
  for (const point of points)
    for (const plan of point.counted)
      for (const name of new Set(plan.counters.map(nameOf)))
        plans.set(name, [...(plans.get(name) ?? []), { point, plan }]);
  return (counter) => plans.get(nameOf(counter)) ?? [];
}

const DEFAULTS = { spikePercent: 100, staleMinutes: 60, estimatedHoursMax: 24, sumTolerance: '0' };

/** The point's own limit, else the site's. */
function limitOf<K extends keyof ValidationConfig>(site: Site, point: PointConfig, key: K): ValidationConfig[K] {
  return point.validation?.[key] ?? site.profile.validation[key];
}

function limitsOf(site: Site, point: PointConfig): Limits {
  const zeroRunHours = limitOf(site, point, 'zeroRunHours');
  return {
    ...(zeroRunHours !== undefined && { zeroRunHours }),
    staleMinutes: limitOf(site, point, 'staleMinutes') ?? DEFAULTS.staleMinutes,
    estimatedHoursMax: limitOf(site, point, 'estimatedHoursMax') ?? DEFAULTS.estimatedHoursMax,
    sumTolerance: parseDecimal(limitOf(site, point, 'sumTolerance') ?? DEFAULTS.sumTolerance),
    clockOffMsMax: site.profile.clockOffMsMax,
  };
}

function estimationOf({ linearMinutesMax, scaled, likeDay }: NonNullable<PointConfig['estimation']>): EstimationRule {
  return { ...(linearMinutesMax !== undefined && { linearMinutesMax }), scaled, likeDay };
}

/** The checks have seen to it that the method has what it needs. */
function compressibilityOf({ method, ratio, gas }: ConversionConfig): Compressibility {
  return method === 'fixed' ? { method, ratio: parseDecimal(ratio!) } : { method, gas: gas! };
}

function watchedOf({ config, model }: BoundDevice, { commodity }: PointConfig): Watched {
  const has = (quantity: Quantity) => model.readings.some((reading) => reading.quantity === quantity);
  const activity = commodity === 'gas' ? 'flow.base' : 'power.active';
  return {
    device: config.id,
    ...(has(activity) && { activity }),
    ...(has('volume.base.disturbed') && { disturbed: 'volume.base.disturbed' as const }),
  };
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
