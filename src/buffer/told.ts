import { decimalText } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { IntervalRef } from './api.ts';
import { decodeLink } from './codec-delivery.ts';
import { decodeInterval } from './codec-interval.ts';
import { isDamage } from './frame.ts';
import type { Draft } from './journal.ts';
import { below, intervalKey, type KeyRange, linkPrefix } from './keys.ts';

/**
 * What a message told of an interval, kept with the link between them. When the interval is lost and made again, this says
 * whether it is the one that was told: then it takes the same version and is not sent again.
 */
export function toldText({ value, unit, quality }: Interval): string {
  return `${value ? decimalText(value) : '-'} ${unit} ${quality}`;
}

/** What the intervals that a message carries say, by their keys; those that are not here are left out. */
export async function toldOf(draft: Draft, carried: readonly IntervalRef[]): Promise<Map<string, string>> {
  const keys = carried.map(intervalKey);
  await draft.load(keys);
  const told = new Map<string, string>();
  for (const key of keys) {
    const row = await draft.get(key);
    const interval = row && (isDamage(row) ? row : decodeInterval(row));
    if (interval && !isDamage(interval)) told.set(key, toldText(interval));
  }
  return told;
}

/** What messages told of these versions, by the interval's key; empty text where a message carries it and does not say what. */
export async function toldBefore(draft: Draft, intervals: readonly IntervalRef[]): Promise<Map<string, string>> {
  const told = new Map<string, string>();
  for (const range of linkRanges(intervals))
    for (const row of await draft.listKept(range)) {
      const link = isDamage(row) ? row : decodeLink(row);
      if (!isDamage(link)) told.set(intervalKey(link), link.told ?? '');
    }
  return told;
}

/** One range for each point and channel, so that a day of intervals is one read. */
export function linkRanges(carried: readonly IntervalRef[]): KeyRange[] {
  const groups = new Map<string, IntervalRef[]>();
  for (const one of carried) {
    const name = `${one.point} ${one.channel}`;
    const group = groups.get(name);
    if (group) group.push(one);
    else groups.set(name, [one]);
  }
  return [...groups.values()].map((group) => {
    const { point, channel } = group[0]!;
    const starts = group.map(({ start }) => start);
    const first = starts.reduce((a, b) => Math.min(a, b));
    const last = starts.reduce((a, b) => Math.max(a, b));
    return { gte: linkPrefix(point, channel, first), lt: below(linkPrefix(point, channel, last)).lt };
  });
}
