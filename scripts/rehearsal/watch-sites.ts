import { createSiteView, type SeenSite } from '../../src/app/site-view.ts';
import { mqttBroker } from '../../src/host/broker-mqtt.ts';
import { hostEntropy } from '../../src/host/entropy.ts';
import type { Clock } from '../../src/machine/clock.ts';
import { createLink } from '../../src/uplink/relay/link.ts';
import type { Centre } from './centre.ts';

/** What central staff see of all sites, over MQTT and with their rights. */
export interface WatchedSites {
  sites(): readonly SeenSite[];
  stop(): Promise<void>;
}

const QUIET = { debug() {}, info() {}, warn() {}, error() {}, child: () => QUIET };

export function watchSites({ brokerPort, mqtt, staffPassword }: Centre, clock: Clock): WatchedSites {
  const view = createSiteView();
  const stop = new AbortController();
  const link = createLink({
    broker: mqttBroker({
      url: `mqtt://127.0.0.1:${brokerPort}`,
      protocolVersion: mqtt === '5' ? 5 : 4,
      username: 'staff',
      password: staffPassword,
    }),
    hello: {
      clientId: 'odecet-demo-staff',
      clean: true,
      subscriptions: view.filters,
      onMessage: async (delivered) => view.told(delivered),
    },
    onConnect: async () => undefined,
    onLeave: async () => undefined,
    retry: { firstMs: 200, factor: 2, mostMs: 1_000, jitter: 0.3 },
    clock,
    entropy: hostEntropy(),
    log: QUIET,
  });
  const running = link.run(stop.signal);
  running.catch(() => undefined);
  return {
    sites: () => view.sites(),
    async stop() {
      stop.abort();
      await running;
    },
  };
}
