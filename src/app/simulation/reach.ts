import { HOUR_MS, MINUTE_MS, type Millis, type Span, type UtcMs } from '../../core/time.ts';
import { NAMING_TAKES_MS } from './exchange.ts';
import type { Episode } from './faults.ts';
import type { SiteLife } from './life.ts';
import type { RunningMeter } from './meters.ts';
import type { OwnClock } from './own-clock.ts';
import { stormShare } from './weather.ts';

/** When a meter could not be read, or not be believed: the only excuse for an interval that is not there. */
export interface Reach {
  /** The longest stretch inside in which nothing stood in the way. */
  longestClear(within: Span): Millis;
  /** The longest stretch inside in which the meter could be asked, whatever its clock showed. */
  longestSeen(within: Span): Millis;
  /** The first instant from this one on in which nothing stood in the way. */
  clearFrom(at: UtcMs): UtcMs;
  /** How much of it was in the way. */
  blockedMs(within: Span): Millis;
  /** How far the wall was off where a sample could have been stamped with this instant; 0 when it never was. */
  wallDoubtMs(at: UtcMs): Millis;
}

/** A storm that spoils more than this share of a meter's dialogues is as good as silence: one that fails is not tried again for minutes. */
const STORM_BLOCKS = 0.27;
/** Where clocks differ by nearly the limit, an exchange may or may not be beyond it. */
const CLOCK_OFF_MS = 50_000;
/** After trouble the device and its line are left alone for a while: the longest back-off, and a line's. */
const BACK_OFF_MS = 16 * MINUTE_MS;

export function reachOf(
  meter: RunningMeter,
  episodes: readonly Episode[],
  line: number,
  life: SiteLife,
  lines: number,
  sampleGapMs: Millis,
): Reach {
  const wall = life.wall();
  const mine = (episode: Episode) => Math.floor(episode.where * lines) === line;
  const unreachable: Span[] = [
    ...life.outages,
    ...(life.lineDown.get(meter.plan.device.line) ?? []),
    ...episodes.filter(({ kind }) => kind === 'store-full'),
    ...episodes.filter((episode) => isStorm(episode) && mine(episode) && spoiltShare(meter, episode) > STORM_BLOCKS),
    ...meter.deaths,
    // One that the site file does not name is not believed.
    ...meter.exchanges.map(({ start, namedAt }) => ({ start, end: namedAt + NAMING_TAKES_MS })),
  ];
  const withBackOff = ({ start, end }: Span) => ({ start, end: end + BACK_OFF_MS });
  const silent = merge(unreachable.map(withBackOff));
  const merged = merge([...unreachable, ...doubtfulClocks(meter, wall)].map(withBackOff));
  const inside = (within: Span) => cutTo(merged, within);
  return {
    longestClear: (within) => longestBetween(inside(within), within),
    longestSeen: (within) => longestBetween(cutTo(silent, within), within),
    clearFrom: (at) => merged.find(({ start, end }) => start <= at && at < end)?.end ?? at,
    blockedMs: (within) => inside(within).reduce((sum, { start, end }) => sum + end - start, 0),
    wallDoubtMs(at) {
      const near = (from: UtcMs, to: UtcMs) => from - sampleGapMs - HOUR_MS <= at && at <= to + sampleGapMs + HOUR_MS;
      return wall.spans
        .filter(({ start, end, offMs }) => offMs !== 0 && (near(start, end) || near(start + offMs, end + offMs)))
        .reduce((most, { offMs }) => Math.max(most, Math.abs(offMs)), 0);
    },
  };
}

function cutTo(spans: readonly Span[], { start, end }: Span): Span[] {
  return spans
    .filter((span) => span.start < end && span.end > start)
    .map((span) => ({ start: Math.max(start, span.start), end: Math.min(end, span.end) }));
}

/** The longest stretch of `within` between spans that lie in it, in order. */
function longestBetween(spans: readonly Span[], within: Span): Millis {
  let [at, longest] = [within.start, 0];
  for (const span of spans) {
    longest = Math.max(longest, span.start - at);
    at = span.end;
  }
  return Math.max(longest, within.end - at);
}

function isStorm({ kind }: Episode): boolean {
  return ['silence', 'late', 'truncated', 'noise', 'foreign', 'collision', 'disconnect'].includes(kind);
}

/** A dialogue fails as a whole when one of its exchanges is spoilt: nothing of it is kept. */
function spoiltShare({ plan }: RunningMeter, storm: Episode): number {
  return 1 - (1 - stormShare(storm)) ** plan.exchanges;
}

/** So far may a clock seem to be off and be right: M-Bus meters tell the time without seconds. */
export function clockDoubtMs({ plan }: RunningMeter): Millis {
  return plan.framing === 'mbus' ? MINUTE_MS / 2 : 0;
}

/** Spans in which the meter's clock and the wall may seem too far apart to be believed. */
export function doubtfulClocks(meter: RunningMeter, wall: OwnClock): Span[] {
  const { clock } = meter;
  const isOff = (offMs: Millis) => Math.abs(offMs) > CLOCK_OFF_MS - clockDoubtMs(meter);
  return [...clock.spans.filter(({ offMs }) => isOff(offMs)), ...wall.spans.filter(({ offMs }) => isOff(-offMs))];
}

function merge(spans: readonly Span[]): Span[] {
  const merged: { start: UtcMs; end: UtcMs }[] = [];
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && start <= last.end) last.end = Math.max(last.end, end);
    else merged.push({ start, end });
  }
  return merged;
}
