import { OdecetError } from '../core/failure.ts';
import type { Channel, Interval, PointCode } from '../core/interval.ts';
import { isoUtc, type Span, type UtcMs } from '../core/time.ts';
import { decodeInterval, encodeInterval } from './codec-interval.ts';
import { isDamage } from './frame.ts';
import type { Draft, Journal } from './journal.ts';
import { below, intervalKey, intervalPrefix, intervalsPrefix, keyParts, timeText } from './keys.ts';
import type { Rows } from './rows.ts';
import { toldBefore, toldText } from './told.ts';

export function keepIntervals(journal: Journal, intervals: readonly Interval[]): Promise<Interval[]> {
  return journal.write(async (draft) => {
    return keepInDraft(draft, intervals);
  });
}

export async function keepInDraft(draft: Draft, intervals: readonly Interval[]): Promise<Interval[]> {
  await draft.load(intervals.map(intervalKey));
  const told = await toldBefore(draft, intervals);
  const newest = newestTold(told);
  const kept: Interval[] = [];
  for (const interval of intervals)
    kept.push(await keepInterval(draft, await behindLost(draft, interval, newest), told));
  return kept;
}

/** The newest version that messages told of each interval, by the interval's key without it. */
function newestTold(told: ReadonlyMap<string, string>): Map<string, number> {
  const newest = new Map<string, number>();
  for (const key of told.keys()) {
    const cut = key.lastIndexOf('/') + 1;
    const [prefix, version] = [key.slice(0, cut), Number(key.slice(cut))];
    newest.set(prefix, Math.max(version, newest.get(prefix) ?? 0));
  }
  return newest;
}

/**
 * Whoever makes an interval cannot know of newer versions whose records are gone, as after a restore from a backup: the last one
 * that a message told of is the first to be tried.
 */
async function behindLost(draft: Draft, asked: Interval, newest: ReadonlyMap<string, number>): Promise<Interval> {
  const version = newest.get(intervalPrefix(asked.point, asked.channel, asked.start)) ?? 0;
  if (version <= asked.version) return asked;
  const newer = { ...asked, version };
  const row = await draft.get(intervalKey(newer));
  return row === undefined || isDamage(row) ? newer : asked;
}

async function keepInterval(draft: Draft, asked: Interval, told: ReadonlyMap<string, string>): Promise<Interval> {
  let interval = asked;
  for (;;) {
    const key = intervalKey(interval);
    const row = await draft.get(key);
    // Where the record is gone and what a message told of it is known, the same said again is that record.
    const isTold = told.get(key) === toldText(interval);
    const isFree = row === undefined && !told.has(key);
    const isMadeAgain = isTold && (row === undefined || (isDamage(row) && row.quarantined));
    if (isFree || isMadeAgain) {
      draft.add('intervals', key, encodeInterval(interval));
      return interval;
    }
    const stored = row === undefined || isDamage(row) ? undefined : decodeInterval(row);
    if (stored && !isDamage(stored) && !(await isBehindDamage(draft, interval))) {
      if (sameContent(stored, interval)) return stored;
      if (interval.version === asked.version) throw versionTaken(asked);
    }
    // What a lost version said may have been published, so its number is not given to anything else.
    interval = { ...interval, version: interval.version + 1 };
  }
}

/** Whether a newer version is damaged. It is not served, nor is an older one, so that nobody who makes one anew knows of any. */
async function isBehindDamage(draft: Draft, interval: Interval): Promise<boolean> {
  for (let version = interval.version + 1; ; version++) {
    const row = await draft.get(intervalKey({ ...interval, version }));
    if (row === undefined || isDamage(row)) return row !== undefined;
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

interface LatestIntervals {
  readonly intact: Interval[];
  readonly damaged: UtcMs[];
  /** Of which a version is whole, and one before it damaged or gone: they are numbered from 1 without holes. */
  readonly brokenBefore: ReadonlySet<UtcMs>;
}

/** The latest version of each; where the latest is damaged an earlier one would be a wrong value, so there is none. */
export async function latestIntervals(
  rows: Rows,
  point: PointCode,
  channel: Channel,
  span: Span,
): Promise<LatestIntervals> {
  const prefix = intervalsPrefix(point, channel);
  const range = { gte: `${prefix}${timeText(span.start)}`, lt: `${prefix}${timeText(span.end)}` };
  const latest = new Map<UtcMs, Interval | undefined>();
  const brokenBefore = new Set<UtcMs>();
  for (const row of await rows.all(range, decodeInterval)) {
    const start = isDamage(row) ? Date.parse(keyParts(row.key)[3] ?? '') : row.start;
    if (!isDamage(row) && row.version > 1 && latest.get(start)?.version !== row.version - 1) brokenBefore.add(start);
    latest.set(start, isDamage(row) ? undefined : row);
  }
  const intact: Interval[] = [];
  const damaged: UtcMs[] = [];
  for (const [start, interval] of latest) {
    if (interval) intact.push(interval);
    else damaged.push(start);
  }
  return { intact, damaged, brokenBefore };
}

export async function intervalVersions(
  rows: Rows,
  point: PointCode,
  channel: Channel,
  start: UtcMs,
): Promise<Interval[]> {
  const found = await rows.all(below(intervalPrefix(point, channel, start)), decodeInterval);
  return found.filter((interval): interval is Interval => !isDamage(interval));
}
