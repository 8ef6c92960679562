import { z } from 'zod';
import type { Delivered } from '../machine/broker.ts';
import { siteStatusSchema } from '../uplink/relay/status.ts';
import { CENTRE, filterOf, placeOf } from '../uplink/relay/topics.ts';

/** A status of another version of the program may lack parts. */
const seenStatus = siteStatusSchema.partial();
const alertSchema = z.object({
  id: z.string(),
  code: z.string(),
  detail: z.string(),
  since: z.string(),
  /** The site that a relay says it of. */
  site: z.string().optional(),
});
type SeenAlert = z.output<typeof alertSchema>;

/** Of each site so many are kept; of the others it is only known that they are. */
const ALERTS_KEPT = 100;
const ALERTS_COUNTED = 10_000;
const ALERT_ID_MAX = 100;

/** The words that there are have a few letters. */
const STATE_MAX = 20;

export interface SeenSite {
  readonly site: string;
  readonly state: string;
  readonly status?: z.output<typeof seenStatus>;
  readonly alerts: readonly SeenAlert[];
  /** How many stand beside those. */
  readonly moreAlerts: number;
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
  /** By topic. */
  readonly alerts: Map<string, SeenAlert>;
  readonly more: Set<string>;
}

/** What is seen of all sites on the broker: state, status, alerts. */
export function createSiteView(): SiteView {
  const seen = new Map<string, Seen>();
  const of = (site: string): Seen => {
    const known = seen.get(site) ?? { state: 'unknown', alerts: new Map(), more: new Set() };
    seen.set(site, known);
    return known;
  };
  /** Where an alert of the relays stands: the site that it is about. */
  const aboutSite = new Map<string, string>();

  function alertTold(owner: string, topic: string, text: string): void {
    if (topic.length > owner.length + ALERT_ID_MAX) return;
    const before = seen.get(aboutSite.get(topic) ?? owner);
    if (text === '') {
      before?.alerts.delete(topic);
      before?.more.delete(topic);
      aboutSite.delete(topic);
      return;
    }
    const alert = alertSchema.safeParse(parse(text));
    if (!alert.success) return;
    const about = owner === CENTRE ? alert.data.site : undefined;
    if (about !== undefined) aboutSite.set(topic, about);
    const { alerts, more } = of(about ?? owner);
    if (alerts.has(topic) || alerts.size < ALERTS_KEPT) alerts.set(topic, alert.data);
    else if (more.size < ALERTS_COUNTED) more.add(topic);
  }

  return {
    filters: [filterOf('state'), filterOf('status'), filterOf('alert/+')],
    told({ topic, payload }) {
      const place = placeOf(topic);
      if (!place) return;
      const text = new TextDecoder().decode(payload);
      if (place.what.startsWith('alert/')) return alertTold(place.site, topic, text);
      const site = of(place.site);
      if (place.what === 'state') site.state = plain(text).slice(0, STATE_MAX);
      else if (place.what === 'status') {
        const status = seenStatus.safeParse(parse(text));
        if (status.success) site.status = status.data;
      }
    },
    sites: () =>
      [...seen]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([site, { state, status, alerts, more }]) => ({
          site,
          state,
          ...(status && { status }),
          alerts: [...alerts.values()],
          moreAlerts: more.size,
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
