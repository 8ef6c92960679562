import { HOUR_MS, MINUTE_MS, type Millis, type Span, type UtcMs } from '../../core/time.ts';
import type { Episode } from './faults.ts';
import type { ImaginedMeter, ImaginedSite } from './imagined-site.ts';

/**
 * A meter goes and another takes its place. From `start` on nobody answers, somewhere in the middle the new one begins to count,
 * from `end` on it answers; it is refused until the site file names it. Before it came it stood still somewhere else.
 */
export interface Exchange extends Span {
  readonly swapAt: UtcMs;
  /** The site file names the new one, and the program starts again with it. */
  readonly namedAt: UtcMs;
  readonly serial: string;
  /** What the new one shows when it comes, litres or watt-hours. */
  readonly startIndex: number;
}

const NAMED_WITHIN_MS: Millis = 2 * HOUR_MS;
export const NAMING_TAKES_MS: Millis = MINUTE_MS;

/** @param counted what has gone through the place by an instant, as if one meter had counted it */
export function exchangesOf(
  { serial, fullPerHour }: ImaginedMeter,
  episodes: readonly Episode[],
  counted: (at: UtcMs) => number,
): Exchange[] {
  const found: Exchange[] = [];
  for (const { kind, start, end, force, choice } of episodes) {
    const last = found.at(-1);
    if (kind !== 'meter-exchanged' || (last && start < last.namedAt + HOUR_MS)) continue;
    const swapAt = start + Math.floor((end - start) * force);
    const shown = last ? last.startIndex + counted(swapAt) - counted(last.swapAt) : counted(swapAt);
    found.push({
      start,
      end,
      swapAt,
      namedAt: end + Math.floor(choice * NAMED_WITHIN_MS),
      serial: String(Number(serial) + found.length + 1),
      // A new meter begins low; one from the store a little higher, so that its index could have been used; or just the same.
      startIndex: [Math.floor(force * 100_000), shown + Math.floor((force * fullPerHour) / 2), shown][
        Math.floor(choice * 3)
      ]!,
    });
  }
  return found;
}

/** The one that stands there; undefined is the first meter. */
export function standing(exchanges: readonly Exchange[], at: UtcMs): Exchange | undefined {
  return exchanges.findLast(({ swapAt }) => swapAt <= at);
}

interface Exchanged {
  readonly plan: ImaginedMeter;
  readonly exchanges: readonly Exchange[];
}

/** When a person writes down the meter that came in an episode; nothing where it brought none. */
export function namedAfter(meters: readonly Exchanged[], { start }: Episode): readonly UtcMs[] {
  return meters
    .flatMap(({ exchanges }) => exchanges.filter((one) => one.start === start))
    .map(({ namedAt }) => namedAt);
}

/** The site as its file says at an instant. */
export function siteAt(site: ImaginedSite, meters: readonly Exchanged[], at: UtcMs): ImaginedSite {
  const devices = new Map(site.devices);
  for (const { plan, exchanges } of meters) {
    const bound = devices.get(plan.device.id);
    const serial = exchanges.findLast(({ namedAt }) => namedAt <= at)?.serial;
    if (bound && serial) devices.set(plan.device.id, { ...bound, config: { ...bound.config, serial } });
  }
  return { ...site, devices };
}
