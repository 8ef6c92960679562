import type { Buffer } from '../buffer/index.ts';
import { marketDayOf } from '../core/calendar.ts';
import type { Decimal } from '../core/decimal.ts';
import type { Interval, PointCode } from '../core/interval.ts';
import type { MarketDay, Span, UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import { energyInterval } from '../profile/energy.ts';
import { saysMore } from './finish-day.ts';

/** Combustion heat of a gas day in kWh/m3; undefined while it is not known. */
export type HeatOn = (day: MarketDay) => Decimal | undefined;

/**
 * The energies that are to be kept for volumes as they stand: where the day's heat is known and the energy is not there, rests on
 * an older volume or on another heat. Where the heat has been withdrawn, the energy of a volume that no longer stands is taken
 * back: it would count as complete.
 */
export async function energiesOf(
  buffer: Buffer,
  site: Site,
  point: PointCode,
  span: Span,
  volumes: readonly Interval[],
  heatOn: HeatOn,
  now: UtcMs,
): Promise<Interval[]> {
  const known = new Map((await buffer.intervals(point, 'energy', span)).map((interval) => [interval.start, interval]));
  const energies: Interval[] = [];
  for (const volume of volumes) {
    const heat = heatOn(marketDayOf('gas', volume.start, site.zone));
    const earlier = known.get(volume.start);
    if (heat) {
      const energy = energyInterval(volume, heat, (earlier?.version ?? 0) + 1, now);
      if (!earlier || (await saysMore(buffer, energy, earlier))) energies.push(energy);
    } else if (earlier?.value && restsOnOther(earlier, volume)) energies.push(withoutHeat(volume, earlier, now));
  }
  return energies;
}

/** An energy says the same of itself as its volume, and is made with it or after it. */
function restsOnOther(energy: Interval, volume: Interval): boolean {
  const isSame = energy.quality === volume.quality && energy.findings.join() === volume.findings.join();
  return !isSame || volume.madeAt > energy.madeAt;
}

function withoutHeat(volume: Interval, { version }: Interval, madeAt: UtcMs): Interval {
  const { value: _, ...rest } = volume;
  return { ...rest, channel: 'energy', unit: 'kWh', quality: 'missing', version: version + 1, madeAt };
}
