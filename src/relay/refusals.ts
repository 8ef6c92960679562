import { type Failure, failure } from '../core/failure.ts';
import { HOUR_MS, isoUtc, type Millis, type MonotonicMs, type UtcMs } from '../core/time.ts';
import type { Clock } from '../machine/clock.ts';
import { type Alerts, alertId } from '../uplink/relay/alerts.ts';
import type { Refusal } from '../uplink/relay/protocol.ts';

/**
 * What another may have said in the site's name: a forger, a broken converter, a second gateway with its key. No good message of
 * the site tells that this is over; with one each hour the alert was gone before anybody could see it.
 */
export const UNBELIEVED: ReadonlySet<Refusal> = new Set<Refusal>([
  'wrong-topic',
  'bad-signature',
  'too-large',
  'not-an-envelope',
  'bad-hash',
  'changed-content',
]);

/** So long after the last one somebody can still see it: from one evening to the next. */
export const UNBELIEVED_SHOWN_MS: Millis = 24 * HOUR_MS;
/** More sites no centre has; whoever may write on any topic makes no more of us remembered. */
const REMEMBERED_MAX = 100_000;

export interface RefusalsDeps {
  /** Of sites. */
  readonly alerts: Pick<Alerts, 'raise' | 'clear'>;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
}

export interface Refusals {
  /** An envelope that came on the topic of this site was refused. */
  refused(site: string, refusal: Refusal, problem: Failure): void;
  /** Something of the site cannot be kept; undefined when a good message came. */
  told(site: string, problem: Failure | undefined): void;
  /** How many were refused since the start. */
  counts(): Readonly<Partial<Record<Refusal, number>>>;
  sweep(): void;
}

interface Seen {
  readonly count: number;
  readonly since: UtcMs;
  readonly last: MonotonicMs;
  readonly problem: Failure;
}

/** Alerts about what a relay refused of a site: `<site>-refused` until a good message comes, `<site>-unbelieved` for a day. */
export function createRefusals({ alerts, clock }: RefusalsDeps): Refusals {
  const counts: Partial<Record<Refusal, number>> = {};
  const seen = new Map<string, Seen>();

  function unbelieved(site: string, problem: Failure): void {
    const before = seen.get(site) ?? { count: 0, since: clock.now() };
    if (before.count === 0 && seen.size >= REMEMBERED_MAX) return;
    const now = { ...before, count: before.count + 1, last: clock.monotonicMs(), problem };
    seen.set(site, now);
    // A thousand a second are not said a thousand times: the sweep tells how many there were.
    if (before.count === 0) tell(site, now);
  }

  function tell(site: string, { count, since, problem }: Seen): void {
    const many = count === 1 ? 'one' : `${count}, the last of which is told,`;
    const detail = `${problem.detail}; ${many} since ${isoUtc(since)}. This stands until a day has passed without another, also while good messages come`;
    alerts.raise(alertId(site, 'unbelieved'), failure(problem.code, detail), { site });
  }

  return {
    refused(site, refusal, problem) {
      counts[refusal] = (counts[refusal] ?? 0) + 1;
      if (UNBELIEVED.has(refusal)) unbelieved(site, problem);
      else alerts.raise(alertId(site, 'refused'), problem, { site });
    },
    told(site, problem) {
      if (problem) alerts.raise(alertId(site, 'refused'), problem, { site });
      else alerts.clear(alertId(site, 'refused'));
    },
    counts: () => ({ ...counts }),
    sweep() {
      for (const [site, one] of seen) {
        // Also where another relay took it back, which knows of fewer.
        if (clock.monotonicMs() - one.last < UNBELIEVED_SHOWN_MS) tell(site, one);
        else {
          seen.delete(site);
          alerts.clear(alertId(site, 'unbelieved'));
        }
      }
    },
  };
}
