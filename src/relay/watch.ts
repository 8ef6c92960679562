import { z } from 'zod';
import { type Failure, failure } from '../core/failure.ts';
import { isoUtc, MINUTE_MS, type Millis, type MonotonicMs, parseUtc, type UtcMs } from '../core/time.ts';
import type { Delivered, Publication } from '../machine/broker.ts';
import type { Clock } from '../machine/clock.ts';
import { type Alerts, alertId } from '../uplink/relay/alerts.ts';
import { type SiteState, topicOf } from '../uplink/relay/topics.ts';
import type { Registry, SiteLine } from './registry.ts';

/** The least that a status says; the rest is for people. */
const statusSchema = z.object({ at: z.string() });

/** What the broker kept comes within this of a session's begin; a site that comes back with us has said that it is here. */
const GATHER_MS: Millis = 2 * MINUTE_MS;
const STATE_MAX = 20;
/** Said at once: a centre that begins with a hundred thousand sites takes its time. */
const NEVER_AT_ONCE = 1_000;
const NEVER: SiteState = 'never';
const AWAY: ReadonlySet<string> = new Set<SiteState>(['disconnected', 'lost', NEVER]);

export interface WatchDeps {
  readonly registry: () => Registry;
  readonly alerts: Alerts;
  readonly silentAfterMs: Millis;
  readonly clockOffMsMax: Millis;
  readonly clock: Clock;
  readonly say: (publication: Publication) => void;
}

export interface Watch {
  /** The site said something, as another relay knows. */
  heard(site: string): void;
  told(site: string, what: string, delivered: Delivered): void;
  /** It took leave, or the broker lost it, or it was never there; false where nothing is known. */
  isAway(site: string): boolean;
  /** A session begins: what the broker has is told anew. */
  online(): void;
  /** It is over: until the next one nothing can be heard. */
  offline(): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Heard {
  readonly at: UtcMs;
  readonly listenedMs: Millis;
}

/**
 * Silence is an alert: every enrolled site must say something within the time allowed. Only what every relay hears counts, so
 * that all of a centre judge alike: the status, not the messages, which they share. Only time in which it could have been heard
 * counts, and nobody is judged before what the broker has was heard: after an outage of the broker every site was told as silent,
 * and a relay that was slow to hear told first that it began to expect a site, and then that the site never spoke.
 */
export function createWatch({ registry, alerts, silentAfterMs, clockOffMsMax, clock, say }: WatchDeps): Watch {
  // A rehearsal's wall runs faster.
  const { rate = 1 } = clock;
  const lastHeard = new Map<string, Heard>();
  /** Since when something is expected of a site: this relay's start, or its entry into the registry. */
  const watched = new Map<string, Heard>();
  /** The last word on `state` of each site that ever spoke, or of which `never` stands. */
  const words = new Map<string, string>();
  let onlineSince: MonotonicMs | undefined;
  /** In the sessions before. */
  let listenedBeforeMs: Millis = 0;
  // By the clock that nobody sets: one that is set right would make all sites silent, or none.
  const sessionMs = () => (onlineSince === undefined ? 0 : clock.monotonicMs() - onlineSince);
  const heardNow = (): Heard => ({ at: clock.now(), listenedMs: listenedBeforeMs + sessionMs() });
  const hasSpoken = (site: string) => lastHeard.has(site) || (words.get(site) ?? NEVER) !== NEVER;

  function sayState(site: string, word: string): void {
    say({ topic: topicOf(site, 'state'), payload: new TextEncoder().encode(word), retain: true });
  }

  function heard(site: string): void {
    lastHeard.set(site, heardNow());
    alerts.clear(alertId(site, 'silent'));
  }

  /** Nothing is expected of it any more. */
  function forget(site: string): void {
    watched.delete(site);
    lastHeard.delete(site);
    if (words.get(site) === NEVER) sayState(site, '');
    words.delete(site);
    alerts.clear(alertId(site, 'silent'));
    alerts.clear(alertId(site, 'clock'));
  }

  /** Undefined while it has not been silent for too long, or nobody can tell. */
  function silenceOf({ site, enrolled }: SiteLine, since: Heard): Failure | undefined {
    if (!isGathered()) return undefined;
    if (enrolled !== undefined && !hasSpoken(site)) {
      if (clock.now() - parseUtc(enrolled) <= silentAfterMs) return undefined;
      return failure('site-silent', `${site}: enrolled at ${enrolled}, and the broker has nothing of it yet`);
    }
    const last = lastHeard.get(site) ?? since;
    if ((heardNow().listenedMs - last.listenedMs) * rate <= silentAfterMs) return undefined;
    const at = isoUtc(last.at);
    const when = lastHeard.has(site) ? at : `this relay began to expect it, ${at}`;
    return failure('site-silent', `${site}: nothing heard since ${when}`);
  }

  const isGathered = () => onlineSince !== undefined && sessionMs() >= Math.min(GATHER_MS, silentAfterMs) / rate;

  function look(): void {
    for (const site of watched.keys()) if (!registry().find(site)) forget(site);
    for (const line of registry().sites) {
      if (line.revoked) forget(line.site);
      else lookAt(line);
    }
    if (!isGathered()) return;
    const unheard = registry().sites.filter(
      ({ site, revoked }) => !revoked && !words.has(site) && !lastHeard.has(site),
    );
    for (const { site } of unheard.slice(0, NEVER_AT_ONCE)) sayState(site, NEVER);
  }

  function lookAt(line: SiteLine): void {
    const { site } = line;
    const since = watched.get(site) ?? heardNow();
    watched.set(site, since);
    const problem = silenceOf(line, since);
    if (problem) alerts.raise(alertId(site, 'silent'), problem, { site });
  }

  function toldState(site: string, word: string): void {
    const before = words.get(site);
    // It spoke for the first time while we said this of it.
    if (word === NEVER && before !== undefined && before !== NEVER) sayState(site, before);
    else if (word === NEVER && !registry().find(site)) sayState(site, '');
    else if (word !== '') words.set(site, word);
    else if (before === NEVER) words.delete(site);
  }

  function toldStatus(site: string, payload: Uint8Array): void {
    const at = statusTime(payload);
    // Whatever cannot be read may be anybody's: the site's own program says what time it has.
    if (at === undefined) return;
    heard(site);
    const offMs = at - clock.now();
    if (Math.abs(offMs) > clockOffMsMax) {
      const detail = `${site}: its clock is ${Math.round(offMs / MINUTE_MS)} min off ours`;
      alerts.raise(alertId(site, 'clock'), failure('clock-not-credible', detail), { site });
    } else alerts.clear(alertId(site, 'clock'));
  }

  return {
    heard,
    told(site, what, { payload, retained }) {
      if (what === 'state') toldState(site, new TextDecoder().decode(payload.subarray(0, STATE_MAX)));
      if (what === 'status' && !words.has(site)) words.set(site, 'unknown');
      // What the broker repeats from earlier, or says in the site's place, is not heard from the site.
      if (what === 'status' && !retained && registry().find(site)) toldStatus(site, payload);
    },
    isAway: (site) => AWAY.has(words.get(site) ?? ''),
    offline() {
      listenedBeforeMs += sessionMs();
      onlineSince = undefined;
    },
    online() {
      onlineSince = clock.monotonicMs();
      // A broker that forgot everything is told again.
      for (const [site, word] of words) if (word === NEVER) words.delete(site);
    },
    async run(signal) {
      while (!signal.aborted) {
        look();
        await clock.sleep(Math.min(MINUTE_MS / 2, silentAfterMs / rate / 2), signal).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
    },
  };
}

function statusTime(payload: Uint8Array): UtcMs | undefined {
  try {
    return parseUtc(statusSchema.parse(JSON.parse(new TextDecoder().decode(payload))).at);
  } catch {
    return undefined;
  }
}
