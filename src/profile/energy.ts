import { type Decimal, multiply } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { UtcMs } from '../core/time.ts';

/**
 * Energy of a gas interval: base volume x combustion heat of its gas day (decree 108/2011 Sb., annex 1), exact; rounding is the
 * format pack's business. It is as good as the volume under it and says the same about itself.
 *
 * @param heat kWh/m3 of the gas day, from the distributor
 */
export function energyInterval(volume: Interval, heat: Decimal, version: number, madeAt: UtcMs): Interval {
  const { value, ...rest } = volume;
  const energy = { ...rest, channel: 'energy', unit: 'kWh', version, madeAt } as const;
  return value ? { ...energy, value: multiply(value, heat) } : energy;
}
