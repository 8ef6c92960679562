import { failure } from '../core/failure.ts';
import type { PointCode } from '../core/interval.ts';
import { HOUR_MS, type MonotonicMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type Alerts, alertId } from '../uplink/relay/alerts.ts';
import type { Registry } from './registry.ts';
import type { SiteMessage } from './store.ts';

/** A site speaks every day; a point that only one site spoke for in this time has one again. */
const SETTLED_MS = 8 * 24 * HOUR_MS;
/** About 110 bytes each, 21 MB; what was said longest ago of a sender is forgotten first. */
const POINTS_MAX = 200_000;
/** An alert each, which the broker keeps: two sites that name each other's points by the thousand are one trouble. */
const DOUBTS_MAX = 1_000;
const MORE_ALERT = 'points-more';

export interface PointOwnersDeps {
  readonly registry: () => Registry;
  /** Of sites. */
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

type Said = Pick<SiteMessage, 'site' | 'sender' | 'id'>;

export interface PointOwners {
  /** A new message speaks for these points. */
  spoke(message: Said, points: readonly PointCode[]): void;
  sweep(): void;
}

interface Doubt {
  readonly point: PointCode;
  readonly sites: readonly string[];
  readonly at: MonotonicMs;
}

/**
 * A point has one gateway. Where the registry does not say which, any site of the sender may speak for it, and the operator takes
 * the last word: so people are told when a point comes from two. Remembered since the start only; sites that go on speaking are
 * found within a day.
 */
export function createPointOwners({ registry, alerts, clock }: PointOwnersDeps): PointOwners {
  /** By sender, then by point: a text made of both for each would cost more than all else here. */
  const lastSite = new Map<string, Map<PointCode, string>>();
  const doubts = new Map<string, Doubt>();
  let points = 0;
  const isGone = (site: string) => registry().find(site)?.revoked !== false;

  function remember(sender: string, point: PointCode, site: string): void {
    const known = lastSite.get(sender) ?? new Map<PointCode, string>();
    lastSite.set(sender, known);
    // Back to the end: it was said just now.
    if (known.delete(point)) points -= 1;
    known.set(point, site);
    points += 1;
    const [oldest] = known.keys();
    if (points > POINTS_MAX && oldest !== undefined && known.delete(oldest)) points -= 1;
  }

  function said(point: PointCode, { site, sender, id }: Said): void {
    const before = lastSite.get(sender)?.get(point);
    // The registry's text: each message has its own.
    remember(sender, point, registry().find(site)?.site ?? site);
    // It may be the gateway in the place of one that was revoked.
    if (before === undefined || before === site || isGone(before)) return;
    const key = `${sender} ${point}`;
    if (!doubts.has(key) && doubts.size >= DOUBTS_MAX) {
      tooMany(site);
      return;
    }
    doubts.set(key, { point, sites: [before, site], at: clock.monotonicMs() });
    const detail = `point ${point} of ${sender} comes from ${before} and, with message ${id}, from ${site}; the operator takes the last word. Say whose it is: odecet enroll SITE --points, or revoke the gateway that was replaced`;
    alerts.raise(alertId('point', point), failure('point-of-two-sites', detail), { site });
  }

  function tooMany(site: string): void {
    const detail = `more than ${DOUBTS_MAX} points come from two sites each, the last that is not told by itself with a message of ${site}`;
    alerts.raise(MORE_ALERT, failure('too-many-alerts', detail), { site });
  }

  return {
    spoke(message, points) {
      for (const point of points) if (registry().ownersOf(point).length !== 1) said(point, message);
    },
    sweep() {
      for (const [key, { point, sites, at }] of doubts) {
        const isOver = clock.monotonicMs() - at >= SETTLED_MS;
        if (!isOver && registry().ownersOf(point).length !== 1 && !sites.some(isGone)) continue;
        doubts.delete(key);
        alerts.clear(alertId('point', point));
        alerts.clear(MORE_ALERT);
      }
    },
  };
}
