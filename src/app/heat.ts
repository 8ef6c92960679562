import crc32 from 'crc-32';
import { decimalText, parseDecimal } from '../core/decimal.ts';
import type { MarketDay, UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { HeatOn } from './energies.ts';
import type { HeatTable } from './heat-table.ts';

/** Where a gateway has combustion heat from. */
export interface HeatSupply {
  readonly on: HeatOn;
  /** Looks at all sources again; gives when to look the next time. */
  refresh(signal: AbortSignal): Promise<UtcMs>;
  /** Every day that is known. */
  days(): readonly MarketDay[];
}

/** Only what stands in the site file. */
export function siteHeat(site: Site): HeatSupply {
  const table = siteTable(site);
  return { on: (day) => table.get(day), refresh: async () => Number.POSITIVE_INFINITY, days: () => [...table.keys()] };
}

export function siteTable(site: Site): HeatTable {
  return new Map(site.combustionHeat.map(({ day, kWhPerM3 }) => [day, parseDecimal(kWhPerM3)]));
}

/** A number that changes when anything known of these days does: the mark up to which energies were made. */
export function heatMark(supply: HeatSupply, days: readonly MarketDay[]): number {
  const text = days.map((day) => `${day} ${supply.on(day) ? decimalText(supply.on(day)!) : ''}`).join('\n');
  return crc32.buf(new TextEncoder().encode(text)) >>> 0;
}
