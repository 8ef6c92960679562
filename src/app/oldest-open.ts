import type { Buffer } from '../buffer/index.ts';
import { marketDayOf, marketDaySpan, shiftDay } from '../core/calendar.ts';
import type { Channel } from '../core/interval.ts';
import { cut } from '../core/schedule.ts';
import { isoUtc, type MarketDay, type UtcMs } from '../core/time.ts';
import type { Site } from '../device/site.ts';
import { firstDayOf } from './closer.ts';
import type { PointPlan } from './plan.ts';

/** Days further back are no longer sent by themselves. */
const DAYS_BACK = 45;
/** Of each point and at one look: a site that has been away for weeks is looked through over some minutes, not at once. */
const DAYS_AT_ONCE = 6;

/** The oldest interval that is over and that the operator has not accepted. */
export interface OpenInterval {
  readonly point: string;
  readonly channel: Channel;
  /** ISO 8601, UTC */
  readonly start: string;
}

export interface OldestOpenParts {
  readonly site: Site;
  readonly points: readonly PointPlan[];
  readonly buffer: Pick<Buffer, 'ledger'>;
  readonly installedAt: UtcMs;
}

/**
 * Counted from the records, as the ledger is. A day that was found accepted as a whole is not counted again before the next
 * midnight: a correction of it shows until then in the outbox.
 */
export function createOldestOpen({ site, points, buffer, installedAt }: OldestOpenParts) {
  const settled = new Map<string, { readonly today: MarketDay; next: MarketDay }>();

  function placeOf(point: PointPlan, now: UtcMs) {
    const today = marketDayOf(point.commodity, now, site.zone);
    const known = settled.get(point.code);
    if (known?.today === today) return known;
    const first = firstDayOf(point, installedAt, site.zone);
    // Days compare as their texts do.
    const [, next = first] = [first, shiftDay(today, -DAYS_BACK)].sort();
    const place = { today, next };
    settled.set(point.code, place);
    return place;
  }

  async function openIn(point: PointPlan, day: MarketDay, now: UtcMs): Promise<OpenInterval | undefined> {
    const spans = cut(marketDaySpan(point.commodity, day, site.zone), point.minutes).filter(({ end }) => end <= now);
    const expected = point.published.map((channel) => ({ point: point.code, channel, spans }));
    const { rows } = await buffer.ledger(expected, 'records');
    const open = rows
      .filter(({ state }) => state !== 'accepted' && state !== 'given-up')
      .sort((a, b) => a.start - b.start)[0];
    return open && { point: open.point, channel: open.channel, start: isoUtc(open.start) };
  }

  /** Undefined when all is accepted, or the oldest is still being looked for. */
  async function oldestOf(point: PointPlan, now: UtcMs): Promise<OpenInterval | undefined> {
    const place = placeOf(point, now);
    for (let n = 0; n < DAYS_AT_ONCE && place.next <= place.today; n++) {
      const open = await openIn(point, place.next, now);
      if (open) return open;
      if (place.next === place.today) return undefined;
      place.next = shiftDay(place.next, 1);
    }
    return undefined;
  }

  return async (now: UtcMs): Promise<OpenInterval | undefined> => {
    let oldest: OpenInterval | undefined;
    for (const point of points) {
      const open = await oldestOf(point, now);
      if (open && (!oldest || open.start < oldest.start)) oldest = open;
    }
    return oldest;
  };
}
