import type { Interval } from '../core/interval.ts';
import { afterNegative } from '../profile/dip.ts';
import { type ChannelPlan, makeInterval } from '../profile/interval.ts';
import { edgesOf } from './edges.ts';
import { type DayWithGaps, isForPerson } from './fill-gaps.ts';
import type { FinishParts } from './finish-day.ts';
import { edgesOfGaps } from './gap-edges.ts';
import { isBetterOrEqual, isOpen } from './versions.ts';

/**
 * The day's intervals with those made again whose records were damaged when the samples under them had gone for their age. The
 * intervals on both sides name the indexes at the edges as long as they stand, an estimate those of its gap: what passed between
 * the two is known as exactly as before, and needs no estimate. Not so where both edges were frozen: such an interval may have been
 * flagged, and what the meter said of itself has gone with its record.
 */
export async function madeAgain(
  parts: FinishParts,
  plan: ChannelPlan,
  { intervals, known, standsAt }: DayWithGaps,
): Promise<Interval[]> {
  const find = edgesOfGaps(parts, plan, intervals);
  const whole = [...intervals];
  for (const [n, interval] of intervals.entries()) {
    if (plan.conversion || !isOpen(interval) || interval.origins.length > 0) continue;
    if (await isForPerson(parts, [interval], known)) continue;
    const edges = await edgesOf(plan, interval, find);
    if (!edges?.some(({ from, to }) => from.source === 'interpolated' || to.source === 'interpolated')) continue;
    const { start, end, version } = interval;
    const made = makeInterval(plan, { start, end }, edges, parts.clock.now(), version);
    const standing = afterNegative(plan, made, await standsAt(start, []));
    if (isBetterOrEqual(standing, interval)) whole[n] = standing;
  }
  return whole;
}
