import type { Buffer } from '../buffer/index.ts';
import { marketDayOf, shiftDay } from '../core/calendar.ts';
import { decimalText } from '../core/decimal.ts';
import type { MarketDay, UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import type { Clock } from '../machine/clock.ts';
import type { Log } from '../machine/log.ts';
import { type HeatSupply, heatMark } from './heat.ts';
import type { Profiler } from './profiler.ts';

/** Heat of older days is history: what follows from it is for a person. */
export const HEAT_DAYS_BACK_MAX = 45;
/** Which heat the energies in the store were made of. */
const CURSOR = 'heat';

export interface HeatStageParts {
  readonly site: Site;
  readonly supply: HeatSupply;
  readonly profiler: Profiler;
  readonly buffer: Buffer;
  readonly clock: Clock;
  readonly log: Log;
}

/** Follows the sources of combustion heat: where a day's heat has come or changed, its energy is made anew. */
export function createHeatPass({ site, supply, profiler, buffer, clock, log }: HeatStageParts) {
  let known: ReadonlyMap<MarketDay, string> | undefined;

  return async (signal: AbortSignal): Promise<UtcMs | undefined> => {
    const next = await supply.refresh(signal);
    const oldest = shiftDay(marketDayOf('gas', clock.now(), site.zone), -HEAT_DAYS_BACK_MAX);
    const days = supply.days().filter((day) => day >= oldest);
    const now = new Map(days.map((day) => [day, decimalText(supply.on(day)!)]));
    const mark = heatMark(supply, days);
    if ((await buffer.cursor(CURSOR)) !== mark) {
      const before = known;
      const changed = days.filter((day) => before?.get(day) !== now.get(day));
      const count = await profiler.reheat(changed);
      if (count > 0) log.info('energies-made', { count, days: changed });
      await buffer.setCursor(CURSOR, mark);
    }
    known = now;
    return Number.isFinite(next) ? next : undefined;
  };
}
