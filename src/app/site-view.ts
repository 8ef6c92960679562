import { z } from 'zod';
import type { Delivered } from '../machine/broker.ts';
import { siteStatusSchema } from '../uplink/relay/status.ts';
import { filterOf, placeOf } from '../uplink/relay/topics.ts';

/** A status of another version of the program may lack parts. */
const seenStatus = siteStatusSchema.partial();
const alertSchema = z.object({ id: z.string(), code: z.string(), detail: z.string(), since: z.string() });

/** The words that there are have a few letters. */
const STATE_MAX = 20;

export interface SeenSite {
  readonly site: string;
  readonly state: string;
  readonly status?: z.output<typeof seenStatus>;
  readonly alerts: readonly z.output<typeof alertSchema>[];
}

export interface SiteView {
  readonly filters: readonly string[];
  told(delivered: Delivered): void;
  /** By name. */
  sites(): readonly SeenSite[];
}

interface Seen {
  state: string;
  status?: z.output<typeof seenStatus>;
  readonly alerts: Map<string, z.output<typeof alertSchema>>;
}

/** What is seen of all sites on the broker: state, status, alerts. */
export function createSiteView(): SiteView {
  const seen = new Map<string, Seen>();
  const of = (site: string): Seen => {
    const known = seen.get(site) ?? { state: 'unknown', alerts: new Map() };
    seen.set(site, known);
    return known;
  };
  return {
    filters: [filterOf('state'), filterOf('status'), filterOf('alert/+')],
    told({ topic, payload }) {
      const place = placeOf(topic);
      if (!place) return;
      const text = new TextDecoder().decode(payload);
      const site = of(place.site);
      if (place.what === 'state') site.state = plain(text).slice(0, STATE_MAX);
      else if (place.what === 'status') {
        const status = seenStatus.safeParse(parse(text));
        if (status.success) site.status = status.data;
      } else if (text === '') site.alerts.delete(place.what);
      else {
        const alert = alertSchema.safeParse(parse(text));
        if (alert.success) site.alerts.set(place.what, alert.data);
      }
    },
    sites: () =>
      [...seen]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([site, { state, status, alerts }]) => ({
          site,
          state,
          ...(status && { status }),
          alerts: [...alerts.values()],
        })),
  };
}

/** Whoever has one site's password says what he likes, and a terminal would obey it. */
function plain(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '\uFFFD');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text, (_, value: unknown) => (typeof value === 'string' ? plain(value) : value));
  } catch {
    return undefined;
  }
}
