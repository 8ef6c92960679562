import { failure } from '../core/failure.ts';
import type { PointCode } from '../core/interval.ts';
import { HOUR_MS, type MonotonicMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type Alerts, alertId } from '../uplink/relay/alerts.ts';
import type { Registry } from './registry.ts';
import type { SiteMessage } from './store.ts';

/** A site speaks every day; a point that only one site spoke for in this time has one again. */
const SETTLED_MS = 8 * 24 * HOUR_MS;
/** About eighty bytes each; what was said longest ago is forgotten first. */
const POINTS_MAX = 200_000;

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
  /** By sender and point. */
  const lastSite = new Map<string, string>();
  const doubts = new Map<string, Doubt>();
  const isGone = (site: string) => registry().find(site)?.revoked !== false;

  function remember(key: string, site: string): void {
    // Back to the end: it was said just now.
    lastSite.delete(key);
    lastSite.set(key, site);
    const [oldest] = lastSite.keys();
    if (lastSite.size > POINTS_MAX && oldest !== undefined) lastSite.delete(oldest);
  }

  function said(point: PointCode, { site, sender, id }: Said): void {
    const key = `${sender} ${point}`;
    const before = lastSite.get(key);
    remember(key, site);
    // It may be the gateway in the place of one that was revoked.
    if (before === undefined || before === site || isGone(before)) return;
    doubts.set(key, { point, sites: [before, site], at: clock.monotonicMs() });
    const detail = `point ${point} of ${sender} comes from ${before} and, with message ${id}, from ${site}; the operator takes the last word. Say whose it is: odecet enroll SITE --points, or revoke the gateway that was replaced`;
    alerts.raise(alertId('point', point), failure('point-of-two-sites', detail), { site });
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
      }
    },
  };
}
