import type { Buffer, ChangeItems } from '../../buffer/index.ts';
import type { Interval } from '../../core/interval.ts';
import type { DeviceId } from '../../core/reading.ts';
import { HOUR_MS, type UtcMs } from '../../core/time.ts';
import type { Metric } from './codec.ts';
import { type BornDevice, intervalMetric, profileName, readingMetric, unknownMetric } from './metrics.ts';

/** After an outage no more than this is told again of each journal; what is missing then stands in the gateway's own records. */
const BACKLOG_MAX = 5_000;
const AT_ONCE = 100;
/** What is older is not shown as present at a birth. */
const PRESENT_MS = 25 * HOUR_MS;

const STREAMS = ['readings', 'samples', 'intervals'] as const;
type FedStream = (typeof STREAMS)[number];
type FedItem = ChangeItems[FedStream];

export interface DeviceMetric {
  readonly device: DeviceId;
  readonly metric: Metric;
}

export interface Feed {
  /** The newest value of each metric of a device, for its birth. What the journal brings later and is older is historical. */
  birth(device: BornDevice): Promise<Metric[]>;
  /** What is new in the journals, at most so much at once; nothing when all was told. */
  next(): Promise<readonly DeviceMetric[]>;
  /** What `next` gave has left. */
  told(): void;
}

/** Reads the journals behind everybody else's back: no cursor is kept in the store, nothing waits for it. */
export function createFeed(buffer: Buffer, devices: readonly BornDevice[], now: () => UtcMs): Feed {
  const positions = new Map<FedStream, number>(STREAMS.map((stream) => [stream, buffer.entries(stream)]));
  const newest = new Map<string, UtcMs>();
  const deviceOf = new Map(
    devices.flatMap(({ device, profiles }) =>
      profiles.map(({ point, channel }) => [profileName(point, channel), device] as const),
    ),
  );
  let read: { readonly stream: FedStream; readonly position: number } | undefined;

  async function presentOf({ device, quantities, profiles }: BornDevice): Promise<Metric[]> {
    const at = now();
    const readings = quantities.map(async (quantity) => {
      const found = await buffer.readingAtOrBefore(device, quantity, at, undefined, PRESENT_MS);
      return found ? readingMetric(found) : unknownMetric(quantity, at);
    });
    const intervals = profiles.map(async ({ point, channel }) => {
      const found = (await buffer.intervals(point, channel, { start: at - PRESENT_MS, end: at })).at(-1);
      return found ? intervalMetric(found) : unknownMetric(profileName(point, channel), at);
    });
    return Promise.all([...readings, ...intervals]);
  }

  /** A value that is not newer than what was shown belongs to the past: refilled from an archive, corrected, or told late. */
  function inTime({ device, metric }: DeviceMetric): DeviceMetric {
    const key = `${device} ${metric.name}`;
    const shown = newest.get(key);
    if (shown !== undefined && metric.timestamp <= shown) return { device, metric: { ...metric, isHistorical: true } };
    newest.set(key, metric.timestamp);
    return { device, metric };
  }

  async function intervalOf(ref: ChangeItems['intervals']): Promise<Interval | undefined> {
    const versions = await buffer.intervalVersions(ref.point, ref.channel, ref.start);
    return versions.find(({ version }) => version === ref.version);
  }

  async function metricOf(item: FedItem): Promise<DeviceMetric | undefined> {
    if ('quantity' in item) {
      const { device, quantity, at, source } = item;
      const [reading] = await buffer.readings(device, quantity, { start: at, end: at + 1 }, 1, source);
      return reading && { device, metric: readingMetric(reading) };
    }
    const interval = await intervalOf(item);
    const device = deviceOf.get(profileName(item.point, item.channel));
    return interval && device !== undefined ? { device, metric: intervalMetric(interval) } : undefined;
  }

  function told(): void {
    if (read) positions.set(read.stream, read.position);
    read = undefined;
  }

  return {
    told,
    async birth(device) {
      const metrics = await presentOf(device);
      for (const metric of metrics) {
        const key = `${device.device} ${metric.name}`;
        if (metric.value !== undefined) newest.set(key, Math.max(metric.timestamp, newest.get(key) ?? 0));
      }
      return metrics;
    },
    async next() {
      for (const stream of STREAMS) {
        const from = Math.max(positions.get(stream) ?? 0, buffer.entries(stream) - BACKLOG_MAX);
        const changes = await buffer.changes(stream, from, AT_ONCE);
        const last = changes.at(-1);
        if (!last) continue;
        read = { stream, position: last.sequence };
        const found = await Promise.all(changes.flatMap(({ items }) => items as readonly FedItem[]).map(metricOf));
        const present = found.filter((each) => each !== undefined);
        if (present.length > 0) return present.sort((a, b) => a.metric.timestamp - b.metric.timestamp).map(inTime);
        told();
      }
      return [];
    },
  };
}
