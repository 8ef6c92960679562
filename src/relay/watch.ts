import { z } from 'zod';
import { failure } from '../core/failure.ts';
import { isoUtc, MINUTE_MS, type Millis, type MonotonicMs, parseUtc, type UtcMs } from '../core/time.ts';
import type { Delivered } from '../machine/broker.ts';
import type { Clock } from '../machine/clock.ts';
import { type Alerts, alertId } from '../uplink/relay/alerts.ts';
import type { Registry } from './registry.ts';

/** The least that a status says; the rest is for people. */
const statusSchema = z.object({ at: z.string() });

export interface WatchDeps {
  readonly registry: () => Registry;
  readonly alerts: Alerts;
  readonly silentAfterMs: Millis;
  readonly clockOffMsMax: Millis;
  readonly clock: Clock;
}

export interface Watch {
  /** The site said something. */
  heard(site: string): void;
  told(site: string, what: string, delivered: Delivered): void;
  run(signal: AbortSignal): Promise<void>;
}

interface Heard {
  readonly at: UtcMs;
  readonly monotonic: MonotonicMs;
}

/** Silence is an alert: every enrolled site must say something within the time allowed. */
export function createWatch({ registry, alerts, silentAfterMs, clockOffMsMax, clock }: WatchDeps): Watch {
  // A rehearsal's wall runs faster.
  const { rate = 1 } = clock;
  const lastHeard = new Map<string, Heard>();
  /** Since when something is expected of a site: this relay's start, or its entry into the registry. */
  const watched = new Map<string, Heard>();
  // How long it was silent is told by the clock that nobody sets: one that is set right would make all sites silent, or none.
  const heardNow = (): Heard => ({ at: clock.now(), monotonic: clock.monotonicMs() });

  function heard(site: string): void {
    lastHeard.set(site, heardNow());
    alerts.clearEverywhere(alertId(site, 'silent'));
  }

  /** Nothing is expected of it any more. */
  function forget(site: string): void {
    watched.delete(site);
    lastHeard.delete(site);
    alerts.clearEverywhere(alertId(site, 'silent'));
    alerts.clearEverywhere(alertId(site, 'clock'));
  }

  function look(): void {
    const now = clock.monotonicMs();
    for (const site of watched.keys()) if (!registry().find(site)) forget(site);
    for (const { site, revoked } of registry().sites) {
      if (revoked) {
        forget(site);
        continue;
      }
      const since = watched.get(site) ?? heardNow();
      watched.set(site, since);
      const last = lastHeard.get(site) ?? since;
      if ((now - last.monotonic) * rate > silentAfterMs) {
        const at = isoUtc(last.at);
        const when = lastHeard.has(site) ? at : `this relay began to expect it, ${at}`;
        alerts.raise(alertId(site, 'silent'), failure('site-silent', `${site}: nothing heard since ${when}`));
      }
    }
  }

  return {
    heard,
    told(site, what, { payload, retained }) {
      // What the broker repeats from earlier, or says in the site's place, is not heard from the site.
      if (retained || what !== 'status' || !registry().find(site)) return;
      heard(site);
      const at = statusTime(payload);
      if (at === undefined) return;
      const offMs = at - clock.now();
      if (Math.abs(offMs) > clockOffMsMax) {
        const detail = `${site}: its clock is ${Math.round(offMs / MINUTE_MS)} min off ours`;
        alerts.raise(alertId(site, 'clock'), failure('clock-not-credible', detail));
      } else alerts.clear(alertId(site, 'clock'));
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
