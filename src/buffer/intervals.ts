import { OdecetError } from '../core/failure.ts';
import type { Channel, Interval, PointCode } from '../core/interval.ts';
import { isoUtc, type Span, type UtcMs } from '../core/time.ts';
import { decodeInterval, encodeInterval } from './codec.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { below, intervalKey, intervalPrefix, intervalsPrefix, keyParts, timeText } from './keys.ts';
import type { Rows } from './rows.ts';

export function keepIntervals(journal: Journal, intervals: readonly Interval[]): Promise<Interval[]> {
  return journal.write(async (draft) => {
    await draft.load(intervals.map(intervalKey));
    const kept: Interval[] = [];
    for (const interval of intervals) kept.push(await keepInterval(draft, interval));
    return kept;
  });
}

export async function keepInterval(draft: Draft, asked: Interval): Promise<Interval> {
  let interval = asked;
  for (;;) {
    const key = intervalKey(interval);
    const row = await draft.get(key);
    if (row === undefined) {
      draft.add('intervals', key, encodeInterval(interval));
      return interval;
    }
    const stored = isDamage(row) ? row : decodeInterval(row);
    if (!isDamage(stored)) {
      if (sameContent(stored, interval)) return stored;
      if (interval.version === asked.version) throw versionTaken(asked);
    }
    // What a damaged version said may have been published, so its number is not given to anything else.
    interval = { ...interval, version: interval.version + 1 };
  }
}

/** Everything but the version and the time of making: a stage that runs again after a crash makes the same later. */
function sameContent(a: Interval, b: Interval): boolean {
  const content = (interval: Interval): string => JSON.stringify(encodeInterval({ ...interval, madeAt: 0 }));
  return content(a) === content(b);
}

function versionTaken({ point, channel, start, version }: Interval): OdecetError {
  const detail = `interval ${point} ${channel} ${isoUtc(start)} has another version ${version} already; a correction needs a higher one`;
  return new OdecetError('unexpected', detail);
}

/** The latest version of each; where the latest is damaged an earlier one would be a wrong value, so there is none. */
export async function latestIntervals(
  rows: Rows,
  point: PointCode,
  channel: Channel,
  span: Span,
): Promise<{ readonly intact: Interval[]; readonly damaged: UtcMs[] }> {
  const prefix = intervalsPrefix(point, channel);
  const range = { gte: `${prefix}${timeText(span.start)}`, lt: `${prefix}${timeText(span.end)}` };
  const latest = new Map<string, Interval | undefined>();
  for await (const row of rows.eachOrDamage(range, decodeInterval)) {
    if (isDamage(row)) latest.set(keyParts(row.key)[3] ?? '', undefined);
    else latest.set(timeText(row.start), row);
  }
  const intact: Interval[] = [];
  const damaged: UtcMs[] = [];
  for (const [start, interval] of latest) {
    if (interval) intact.push(interval);
    else damaged.push(Date.parse(start));
  }
  return { intact, damaged };
}

export async function intervalVersions(
  rows: Rows,
  point: PointCode,
  channel: Channel,
  start: UtcMs,
): Promise<Interval[]> {
  const versions: Interval[] = [];
  for await (const interval of rows.each(below(intervalPrefix(point, channel, start)), decodeInterval))
    versions.push(interval);
  return versions;
}
