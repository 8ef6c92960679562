import type { Boundary, Interval } from '../core/interval.ts';
import { MINUTE_MS, type Millis, type Span, type UtcMs } from '../core/time.ts';
import type { KnownBoundary } from '../profile/boundary.ts';
import type { ChannelPlan, CounterEdges, CounterPlan } from '../profile/interval.ts';
import { edgesOf, type FindIndex, indexFromBuffer, remembered } from './edges.ts';
import type { FinishParts } from './finish-day.ts';
import { isActual } from './versions.ts';

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
    const actual = neighbours.filter(isActual);
    return bestNamed(actual, counter, at) ?? (await fromReadings(counter, at)) ?? bestNamed(neighbours, counter, at);
  });
}

/**
 * The edges of an interval by the readings, but where one that it or its neighbours were made of lies nearer, or is all that is
 * left: samples are given up, and what is interpolated over a longer time than it once was is worse than what is known.
 * @param known the interval and its neighbours as they stand, by their start
 * @returns undefined when an edge is not known, or when the readings tell nothing that the interval does not hold already
 */
export async function edgesHeld(
  plan: ChannelPlan,
  span: Span,
  find: FindIndex,
  known: ReadonlyMap<UtcMs, Interval>,
): Promise<CounterEdges[] | undefined> {
  const own = known.get(span.start);
  let isNew = own === undefined;
  const edges = await edgesOf(plan, span, async (counter, at) => {
    const found = await find(counter, at);
    if (found && found.source !== 'interpolated') {
      isNew = true;
      return found;
    }
    const beside = [known.get(at - plan.minutes * MINUTE_MS), known.get(at)];
    // What is not known by the readings yet may be frozen still: only what stands holds it.
    const held = bestNamed(found ? beside.filter(isThere) : [own].filter(isThere), counter, at);
    if (held && (!found || widthOf(held) < widthOf(found))) return held;
    isNew ||= found !== undefined;
    return found;
  });
  return isNew ? edges : undefined;
}

function isThere<T>(one: T | undefined): one is T {
  return one !== undefined;
}

/** The index that intervals name for an instant: a frozen one, else that between the nearest readings; of two like it the last. */
function bestNamed(intervals: readonly Interval[], counter: CounterPlan, at: UtcMs): KnownBoundary | undefined {
  const newestLast = [...intervals].sort((a, b) => a.madeAt - b.madeAt);
  const named = newestLast.flatMap((interval) => boundariesAt(interval, counter, at));
  const best = named.reduce<Boundary | undefined>(
    (nearest, one) => (nearest && widthOf(nearest) < widthOf(one) ? nearest : one),
    undefined,
  );
  return best && { ...best, flags: [] };
}

/** How far apart the readings lie that an index is between; a frozen one is better than any. */
function widthOf({ source, readings }: Boundary): Millis {
  return source === 'interpolated' ? Math.max(...readings) - Math.min(...readings) : -1;
}

function boundariesAt({ origins }: Interval, { device, quantity }: CounterPlan, at: UtcMs): Boundary[] {
  return origins
    .filter((origin) => origin.device === device && origin.quantity === quantity)
    .flatMap(({ from, to }) => [from, to].filter((boundary) => boundary.at === at));
}
