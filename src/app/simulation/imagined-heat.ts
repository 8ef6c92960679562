import { compare, type Decimal, decimal } from '../../core/decimal.ts';
import { HOUR_MS, type MarketDay, type Millis, type UtcMs } from '../../core/time.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Random } from '../../sim/random.ts';
import type { HeatSupply } from '../heat.ts';
import type { Episode } from './faults.ts';
import { dayAfter, ownDay, ownDayOf } from './own-days.ts';
import type { Trace } from './trace.ts';

/** What the distributor told of a gas day, and when. */
interface Told {
  readonly at: UtcMs;
  readonly heat: Decimal;
}

/** The combustion heat of every gas day: another one each day, some told late, some told wrong first. */
export interface ImaginedHeat {
  /** As a gateway sees it: what was told until now. */
  supplyFor(clock: Clock): HeatSupply;
  /** Everything that was told of the day the instant belongs to until `until`; the last one holds. */
  toldOf(at: UtcMs, until: UtcMs): readonly Decimal[];
}

const LATE_MOST_MS: Millis = 6 * HOUR_MS;
const LOOK_EVERY_MS: Millis = HOUR_MS;

export function imagineHeat(
  from: UtcMs,
  to: UtcMs,
  episodes: readonly Episode[],
  trueNow: () => UtcMs,
  random: Random,
  trace: Trace,
): ImaginedHeat {
  const days = new Map<MarketDay, readonly Told[]>();
  const last = ownDayOf('gas', to);
  for (let day = ownDayOf('gas', from); day <= last; day = dayAfter(day)) {
    const heat = decimal(104_000 + random.below(6_000), -4);
    const fault = episodes.find(
      ({ kind, start }) => (kind === 'heat-late' || kind === 'heat-changed') && ownDayOf('gas', start) === day,
    );
    days.set(day, toldOf(day, heat, fault));
    if (fault) trace.count(fault.kind);
  }

  function lastTold(day: MarketDay): Decimal | undefined {
    return days.get(day)?.findLast(({ at }) => at <= trueNow())?.heat;
  }

  return {
    toldOf: (at, until) =>
      (days.get(ownDayOf('gas', at)) ?? []).filter((one) => one.at <= until).map(({ heat }) => heat),
    supplyFor: (clock) => ({
      on: lastTold,
      days: () => [...days.keys()].filter((day) => lastTold(day) !== undefined),
      async refresh() {
        const next = Math.min(...[...days.values()].flat().flatMap(({ at }) => (at > trueNow() ? [at] : [])));
        return Number.isFinite(next) ? clock.now() + Math.min(next - trueNow(), LOOK_EVERY_MS) : next;
      },
    }),
  };
}

function toldOf(day: MarketDay, heat: Decimal, fault: Episode | undefined): Told[] {
  const atOnce = Number.NEGATIVE_INFINITY;
  if (!fault) return [{ at: atOnce, heat }];
  const at = ownDay('gas', day).end + Math.round(fault.force * LATE_MOST_MS);
  const provisional = decimal(104_000 + Math.floor(6_000 * fault.choice), -4);
  if (fault.kind === 'heat-late' || compare(provisional, heat) === 0) return [{ at, heat }];
  return [
    { at: atOnce, heat: provisional },
    { at, heat },
  ];
}
