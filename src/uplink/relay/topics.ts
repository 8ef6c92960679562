/** Where things stand on the broker. The first level is the product's, the second the version of this layout. */
const ROOT = 'odecet/1';

/** All relays of a centre together; no site may be called so. */
export const CENTRE = 'relay';

/** Said by every relay that connects: whoever has something without a receipt sends it now. */
export const RELAY_HERE = `${ROOT}/${CENTRE}/here`;

export type SiteTopic = 'state' | 'status' | 'up' | 'down' | 'command' | 'answer' | `alert/${string}`;

export function topicOf(site: string, what: SiteTopic): string {
  return `${ROOT}/${site}/${what}`;
}

/** The filter for one thing of all sites; `alert/+` for every alert. */
export function filterOf(what: Exclude<SiteTopic, `alert/${string}`> | 'alert/+'): string {
  return `${ROOT}/+/${what}`;
}

export interface PlacedTopic {
  readonly site: string;
  /** What follows the site: `up`, `alert/silent`. */
  readonly what: string;
}

export function placeOf(topic: string): PlacedTopic | undefined {
  const match = /^odecet\/1\/([a-z0-9][a-z0-9-]{0,39})\/([^+#]+)$/.exec(topic);
  return match ? { site: match[1]!, what: match[2]! } : undefined;
}

/** A broker ends the session of whoever had the same client id before: so a site has one of its own and may use no other. */
export function siteClientId(site: string): string {
  return `odecet-site-${site}`;
}

export function relayClientId(relay: string): string {
  return `odecet-relay-${relay}`;
}

/** A client id that only a site or a relay may use. */
export function isOfProgram(clientId: string): boolean {
  return clientId.startsWith(siteClientId('')) || clientId.startsWith(relayClientId(''));
}

/**
 * `disconnected` is said in leaving, `lost` by the broker when nobody took leave, `never` by a relay of a site that was enrolled
 * and of which the broker has nothing.
 */
export type SiteState = 'init' | 'ready' | 'disconnected' | 'lost' | 'never';

/** What a site may say: only on its own topics. systemd/mosquitto/acl says the same to Mosquitto. */
export function maySay(site: string, topic: string): boolean {
  const place = placeOf(topic);
  return place?.site === site && /^(state|status|up|answer|alert\/[a-z0-9-]+)$/.test(place.what);
}

export function mayHear(site: string, filter: string): boolean {
  // Its own alerts: what an earlier run of its program left is taken back.
  return (
    filter === RELAY_HERE ||
    [topicOf(site, 'down'), topicOf(site, 'command'), topicOf(site, 'alert/+')].includes(filter)
  );
}

/** Staff who only look see every site's state, status and alerts. */
export function mayWatch(filter: string): boolean {
  return /^odecet\/1\/(\+|[a-z0-9-]+)\/(state|status|alert\/(\+|[a-z0-9-]+))$/.test(filter);
}
