import type { Interval } from '../core/interval.ts';
import { MINUTE_MS, type Span } from '../core/time.ts';
import type { FindingCode } from '../profile/findings.ts';
import type { ChannelPlan } from '../profile/interval.ts';

/**
 * How long a point's intervals are is the site file's to change. What was made before keeps its length: it is no interval of the day
 * any more. Where a person entered it, nothing is made in its place or under it, so that the decision is neither lost nor counted
 * beside what the meter says: a person enters it again.
 */

type Minutes = Pick<ChannelPlan, 'minutes'>;

export function isOfLength({ start, end }: Span, { minutes }: Minutes): boolean {
  return end - start === minutes * MINUTE_MS;
}

/**
 * Leaves to a person what lies under a person's value for an interval of another length.
 * @param stored from the full hour on in which the first interval lies: an hour that somebody entered may lie over a quarter
 */
export function underDecisions(stored: readonly Interval[], plan: Minutes): (made: Interval) => Interval {
  const decided = stored.filter((one) => one.quality === 'substituted' && !isOfLength(one, plan));
  return (made) => (decided.some(({ start, end }) => start < made.end && end > made.start) ? leftToPerson(made) : made);
}

function leftToPerson(interval: Interval): Interval {
  const { value: _, ...rest } = interval;
  return { ...rest, quality: 'missing', findings: [...rest.findings, 'size-decided' satisfies FindingCode] };
}
