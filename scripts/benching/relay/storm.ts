import { hostClock } from '../../../src/host/clock.ts';
import { cost, type Figure } from '../figure.ts';
import { messageOf } from './messages.ts';
import { openPlace } from './place.ts';
import { type BenchSite, startBenchSite, until } from './sites.ts';

const LIMIT_S = 30;
const PATIENCE_MS = 1_800_000;
const CONNECT_AT_ONCE = 50;

const clock = hostClock();

/** Every gateway connected, the broker dies, each makes a message meanwhile, the broker comes back. */
export function stormFigures(gateways: number): (() => Promise<Figure>)[] {
  let storm: Promise<{ onlineS: number; drainedS: number }> | undefined;
  const once = () => {
    storm ??= reconnect(gateways);
    return storm;
  };
  return [
    async () => cost(`broker restarted: ${gateways} gateways are back`, (await once()).onlineS, 's', LIMIT_S, 1),
    async () => cost('and a message of each is accepted', (await once()).drainedS, 's', LIMIT_S, 1),
  ];
}

async function reconnect(gateways: number): Promise<{ onlineS: number; drainedS: number }> {
  const place = await openPlace({ sites: gateways, pointsEach: 1, relays: 1, store: 'level' });
  const sites: BenchSite[] = [];
  try {
    for (let n = 0; n < gateways; n++) {
      sites.push(startBenchSite(place, n));
      if (n % CONNECT_AT_ONCE === 0)
        await until(() => sites.every((site) => site.isOnline()), PATIENCE_MS, 'they are there');
    }
    await until(() => sites.every((site) => site.isOnline()), PATIENCE_MS, 'all are there');
    await place.mosquitto.kill();
    const madeAt = Date.now();
    for (const [n, site] of sites.entries()) site.add(messageOf(n, 1, madeAt));
    await until(() => !sites.some((site) => site.isOnline()), PATIENCE_MS, 'all have noticed');
    await place.mosquitto.start();
    const from = clock.monotonicMs();
    const seconds = () => (clock.monotonicMs() - from) / 1_000;
    await until(() => sites.every((site) => site.isOnline()), PATIENCE_MS, 'all are back');
    const onlineS = seconds();
    await until(() => sites.every((site) => site.waiting() === 0), PATIENCE_MS, 'all are accepted');
    return { onlineS, drainedS: seconds() };
  } finally {
    await Promise.all(sites.map((site) => site.stop()));
    await place.stop();
  }
}
