import { failure } from '../core/failure.ts';
import { HOUR_MS, type Millis, type MonotonicMs } from '../core/time.ts';
import type { Publication } from '../machine/broker.ts';
import { ALERT_BYTES_MAX, type Alerts, alertId } from '../uplink/relay/alerts.ts';
import { topicOf } from '../uplink/relay/topics.ts';

/** A gateway shows a hundred. */
export const SITE_ALERTS_MAX = 200;
const ALERT_ID = /^[a-z0-9-]{1,80}$/;
/** So long after the last that was too much somebody is told of it. */
const TOLD_MS: Millis = HOUR_MS;

export interface AlertBoundsDeps {
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly say: (publication: Publication) => void;
  readonly monotonicMs: () => MonotonicMs;
}

export interface AlertBounds {
  /** An alert of a site, as the broker has it. */
  heard(site: string, id: string, payload: Uint8Array): void;
  sweep(): void;
}

/** A broker keeps as many alerts as a site says, for ever: what is too much, too long or no alert is taken back. */
export function createAlertBounds({ alerts, say, monotonicMs }: AlertBoundsDeps): AlertBounds {
  const standing = new Map<string, Set<string>>();
  const tooMuchAt = new Map<string, MonotonicMs>();
  return {
    heard(site, id, payload) {
      const ids = standing.get(site) ?? new Set();
      if (payload.length === 0) {
        if (ids.delete(id) && ids.size === 0) standing.delete(site);
        return;
      }
      const isOne = ALERT_ID.test(id) && payload.length <= ALERT_BYTES_MAX;
      if (isOne && (ids.has(id) || ids.size < SITE_ALERTS_MAX)) {
        standing.set(site, ids.add(id));
        return;
      }
      say({ topic: topicOf(site, `alert/${id}`), payload: new Uint8Array(0), retain: true });
      tooMuchAt.set(site, monotonicMs());
      const detail = `${site}: says more than ${SITE_ALERTS_MAX} alerts, or such as are none; they are taken back`;
      alerts.raise(alertId(site, 'alerts'), failure('too-many-alerts', detail), { site });
    },
    sweep() {
      const now = monotonicMs();
      for (const [site, at] of tooMuchAt) {
        if (now - at < TOLD_MS) continue;
        tooMuchAt.delete(site);
        alerts.clear(alertId(site, 'alerts'));
      }
    },
  };
}
