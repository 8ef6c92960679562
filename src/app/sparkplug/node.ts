import type { Buffer } from '../../buffer/index.ts';
import { createBell } from '../../collect/bell.ts';
import type { CollectorStatus } from '../../collect/round.ts';
import type { DeviceId } from '../../core/reading.ts';
import { type Millis, SECOND_MS } from '../../core/time.ts';
import { childAbort } from '../../machine/abort.ts';
import type { Broker, BrokerSession, Publication } from '../../machine/broker.ts';
import type { Clock } from '../../machine/clock.ts';
import type { Entropy } from '../../machine/entropy.ts';
import type { Log } from '../../machine/log.ts';
import { createLink } from '../../uplink/relay/link.ts';
import type { Codec, Metric } from './codec.ts';
import { createFeed, type DeviceMetric } from './feed.ts';
import type { BornDevice } from './metrics.ts';

/** A look at the devices and the journal even if nobody rang. */
const LOOK_EVERY_MS: Millis = 10 * SECOND_MS;
/** Failed readings in a row after which a device is said to be dead. */
const DEAD_AFTER = 3;
/** Numbers go round here (Sparkplug 3.0, 6.4.5 and 5.4). */
const ROUND = 256;
const REBIRTH = 'Node Control/Rebirth';
const RETRY = { firstMs: 1_000, factor: 2, mostMs: 60_000, jitter: 0.3 };

export interface SparkplugParts {
  readonly group: string;
  readonly node: string;
  readonly version: string;
  readonly broker: Broker;
  readonly codec: Codec;
  readonly devices: readonly BornDevice[];
  readonly buffer: Buffer;
  readonly status: () => CollectorStatus;
  /** The number of the next session; no two sessions in a row have the same, also over a restart. */
  readonly nextBirth: () => Promise<number>;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Log;
}

/**
 * A Sparkplug B edge node that only tells. It reads the journals by itself and nobody waits for it: a broker that hangs stops
 * this loop and nothing else. What it hears is one question, to be born again; every other command is left unheard.
 */
export async function runSparkplug(parts: SparkplugParts, signal: AbortSignal): Promise<void> {
  const { group, node, codec, devices, buffer, clock } = parts;
  const bell = createBell();
  const feed = createFeed(buffer, devices, () => clock.now());
  const alive = new Set<DeviceId>();
  let birth = 0;
  let seq = 0;
  let isRebirthWanted = false;

  const topic = (kind: string, device?: DeviceId) =>
    ['spBv1.0', group, kind, node, ...(device === undefined ? [] : [device])].join('/');

  function publication(kind: string, metrics: readonly Metric[], device?: DeviceId): Publication {
    const payload = codec.encode({ timestamp: clock.now(), seq, metrics });
    seq = (seq + 1) % ROUND;
    return { topic: topic(kind, device), payload, qos: 0 };
  }

  function death(): Publication {
    const timestamp = clock.now();
    const metrics = [{ name: 'bdSeq', type: 'Int64', value: birth, timestamp } as const];
    return { topic: topic('NDEATH'), payload: codec.encode({ timestamp, metrics }), qos: 1 };
  }

  const isDead = (device: DeviceId) =>
    (parts.status().devices.find((one) => one.device === device)?.failuresInRow ?? 0) >= DEAD_AFTER;

  /** The node, then every device that answers. A broker that lost us meanwhile knows nothing of what was said before. */
  async function beBorn(publish: BrokerSession['publish']): Promise<void> {
    const timestamp = clock.now();
    seq = 0;
    alive.clear();
    const metrics: Metric[] = [
      { name: 'bdSeq', type: 'Int64', value: birth, timestamp },
      { name: REBIRTH, type: 'Boolean', value: false, timestamp },
      { name: 'Properties/Version', type: 'String', value: parts.version, timestamp },
    ];
    await publish(publication('NBIRTH', metrics));
    for (const device of devices) if (!isDead(device.device)) await deviceBorn(device, publish);
  }

  async function deviceBorn(device: BornDevice, publish: BrokerSession['publish']): Promise<void> {
    const metrics = await feed.birth(device);
    await publish(publication('DBIRTH', metrics, device.device));
    alive.add(device.device);
  }

  /** Every session announces its own death, with its own number. */
  const numbered: Broker = {
    async connect(hello, abort) {
      birth = (await parts.nextBirth()) % ROUND;
      return parts.broker.connect({ ...hello, will: death() }, abort);
    },
  };
  const link = createLink({
    ...parts,
    broker: numbered,
    retry: RETRY,
    hello: {
      clientId: `odecet-sparkplug-${node}`,
      clean: true,
      subscriptions: [topic('NCMD')],
      onMessage: async ({ payload }) => {
        const isAsked = codec.commands(payload).some(({ name, value }) => name === REBIRTH && value === true);
        if (!isAsked) return parts.log.warn('sparkplug-command-ignored', {});
        isRebirthWanted = true;
        bell.ring();
      },
    },
    onConnect: (session) => beBorn(session.publish),
    onOnline: bell.ring,
    onLeave: (session) => session.publish(death()),
  });

  async function tellDevices(): Promise<void> {
    for (const device of devices) {
      const id = device.device;
      if (isDead(id) && alive.delete(id)) await link.publish(publication('DDEATH', [], id));
      else if (!isDead(id) && !alive.has(id)) await deviceBorn(device, link.publish);
    }
  }

  async function tellNews(): Promise<void> {
    for (let news = await feed.next(); news.length > 0 && link.isOnline(); news = await feed.next()) {
      for (const [device, metrics] of byDevice(news)) {
        if (alive.has(device) && link.isOnline()) await link.publish(publication('DDATA', metrics, device));
      }
      feed.told();
      if (isRebirthWanted) return;
    }
  }

  async function tell(): Promise<void> {
    if (!link.isOnline()) return;
    if (isRebirthWanted) {
      isRebirthWanted = false;
      await beBorn(link.publish);
    }
    await tellDevices();
    await tellNews();
  }

  async function keepTelling(either: AbortSignal): Promise<void> {
    while (!either.aborted) {
      const pause = childAbort(either);
      const rung = bell.heard(pause.signal);
      // What cannot be told now is told, or born again, in the next session.
      await tell().catch((error: unknown) => parts.log.debug('sparkplug-not-told', { why: String(error) }));
      if (!isRebirthWanted || !link.isOnline())
        await Promise.race([rung, clock.sleep(LOOK_EVERY_MS, pause.signal).catch(() => undefined)]);
      pause.abort('the pause is over');
      pause.release();
    }
  }

  const stopListening = buffer.onChange(() => bell.ring());
  try {
    await Promise.all([link.run(signal), keepTelling(signal)]);
  } finally {
    stopListening();
  }
}

function byDevice(news: readonly DeviceMetric[]): Map<DeviceId, Metric[]> {
  const grouped = new Map<DeviceId, Metric[]>();
  for (const { device, metric } of news) grouped.set(device, [...(grouped.get(device) ?? []), metric]);
  return grouped;
}
