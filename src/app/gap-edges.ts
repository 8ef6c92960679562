import type { Boundary, Interval } from '../core/interval.ts';
import { MINUTE_MS, type UtcMs } from '../core/time.ts';
import type { KnownBoundary } from '../profile/boundary.ts';
import type { ChannelPlan, CounterPlan } from '../profile/interval.ts';
import { type FindIndex, indexFromBuffer, remembered } from './edges.ts';
import type { FinishParts } from './finish-day.ts';
import { isOpen } from './versions.ts';

/**
 * The index at the edges of gaps. Samples are given up when a disk is full, also of days that are not sent yet; the intervals that
 * were made of them name the indexes, and hold them as long as they stand. An actual interval beside the edge comes first: what is
 * filled in must add up with it to what the counter moved. Then the readings, then what an estimate beside it rests on.
 * @param standing the intervals of the day in hand as they stand now, which nobody has stored yet
 */
export function edgesOfGaps(
  { buffer, site }: FinishParts,
  plan: ChannelPlan,
  standing: readonly Interval[],
): FindIndex {
  const fromReadings = indexFromBuffer(buffer, site, () => true);
  const inHand = new Map(standing.map((interval) => [interval.start, interval]));

  async function beside(at: UtcMs): Promise<Interval[]> {
    const start = at - plan.minutes * MINUTE_MS;
    const [before, after] = [inHand.get(start), inHand.get(at)];
    if (before && after) return [before, after];
    const stored = await buffer.intervals(plan.point, plan.channel, { start, end: at + 1 });
    return stored.map((interval) => inHand.get(interval.start) ?? interval);
  }

  return remembered(async (counter, at) => {
    const neighbours = await beside(at);
    const actual = neighbours.filter((one) => !isOpen(one) && one.quality !== 'substituted');
    return bestNamed(actual, counter, at) ?? (await fromReadings(counter, at)) ?? bestNamed(neighbours, counter, at);
  });
}

/** The index that intervals name for an instant: a frozen one before a computed one, then what was made last. */
function bestNamed(intervals: readonly Interval[], counter: CounterPlan, at: UtcMs): KnownBoundary | undefined {
  const newestLast = [...intervals].sort((a, b) => a.madeAt - b.madeAt);
  const named = newestLast.flatMap((interval) => boundariesAt(interval, counter, at));
  const best = named.findLast(({ source }) => source !== 'interpolated') ?? named.at(-1);
  return best && { ...best, flags: [] };
}

function boundariesAt({ origins }: Interval, { device, quantity }: CounterPlan, at: UtcMs): Boundary[] {
  return origins
    .filter((origin) => origin.device === device && origin.quantity === quantity)
    .flatMap(({ from, to }) => [from, to].filter((boundary) => boundary.at === at));
}
