import type { Failure } from '../../core/failure.ts';
import { isoUtc, type UtcMs } from '../../core/time.ts';
import type { Publication } from '../../machine/broker.ts';
import { topicOf } from './topics.ts';

/** An alert as it stands retained on the broker, until it is taken back by an empty one. */
export interface AlertText extends Failure {
  readonly id: string;
  /** ISO 8601, UTC */
  readonly since: string;
}

export interface Alerts {
  /** The same again keeps its `since`. */
  raise(id: string, problem: Failure): void;
  clear(id: string): void;
  /** All that stand; for a new session, whose broker may have forgotten them, and for pages. */
  standing(): readonly AlertText[];
  /** Everything to be said at a new session. */
  publications(): Publication[];
}

/** An id of these letters can stand in a topic; others become hyphens. */
export function alertId(...parts: readonly string[]): string {
  return parts
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '-');
}

/** @param say hands a publication to the broker, or drops it while there is none: `publications` repeats them all */
export function createAlerts(site: string, now: () => UtcMs, say: (publication: Publication) => void): Alerts {
  const standing = new Map<string, AlertText>();
  const cleared = new Set<string>();
  const topic = (id: string) => topicOf(site, `alert/${id}`);
  const publicationOf = (alert: AlertText): Publication => ({
    topic: topic(alert.id),
    payload: new TextEncoder().encode(JSON.stringify(alert)),
    retain: true,
  });
  const withdrawal = (id: string): Publication => ({ topic: topic(id), payload: new Uint8Array(0), retain: true });
  return {
    raise(id, { code, detail }) {
      const before = standing.get(id);
      if (before?.code === code && before.detail === detail) return;
      const alert = { id, code, detail, since: before?.since ?? isoUtc(now()) };
      standing.set(id, alert);
      cleared.delete(id);
      say(publicationOf(alert));
    },
    clear(id) {
      if (!standing.delete(id)) return;
      cleared.add(id);
      say(withdrawal(id));
    },
    standing: () => [...standing.values()],
    publications: () => [...[...standing.values()].map(publicationOf), ...[...cleared].map(withdrawal)],
  };
}
