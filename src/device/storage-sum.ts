import { MINUTE_MS } from '../core/time.ts';
import type { DeviceModel } from './model.ts';
import type { PointConfig, Site } from './site.ts';

/**
 * What a site keeps on the disk, roughly, in bytes. A sampled reading: 817 MB for 26 million (docs/performance.md). A stored one
 * stands in a row of its own more often, and an interval has its share of a message, links and journals: three and twelve times
 * as much, by the length of their records.
 */
const SAMPLE_BYTES = 30;
const STORED_BYTES = 90;
const INTERVAL_BYTES = 360;
const DAY_MINUTES = 24 * 60;

export interface BytesKept {
  readonly samples: number;
  readonly readings: number;
  readonly intervals: number;
}

export function bytesKept(
  { devices, points, collect, storage }: Site,
  models: ReadonlyMap<string, DeviceModel>,
): BytesKept {
  const { samplesDays, readingsDays, intervalsDays } = storage.retention;
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const perDevice = devices.flatMap(({ id, model: name }) => {
    const readings = models.get(name)?.readings ?? [];
    const minutes = Math.min(60, ...points.filter(({ device }) => device === id).map(intervalMinutes));
    const stored = readings.filter(({ stamp }) => stamp !== undefined).length;
    return [{ sampled: readings.length - stored, stored, minutes }];
  });
  const roundsADay = (DAY_MINUTES * MINUTE_MS) / collect.everyMs;
  const channels = points.map((point) => {
    const count = point.commodity === 'gas' ? 2 : point.channels.length;
    return (count * DAY_MINUTES) / intervalMinutes(point);
  });
  return {
    samples: sum(perDevice.map(({ sampled }) => sampled)) * roundsADay * samplesDays * SAMPLE_BYTES,
    readings:
      sum(perDevice.map(({ stored, minutes }) => (stored * DAY_MINUTES) / minutes)) * readingsDays * STORED_BYTES,
    intervals: sum(channels) * intervalsDays * INTERVAL_BYTES,
  };
}

/** Gas is hourly whatever else is said. */
export function intervalMinutes({ commodity, minutes }: PointConfig): number {
  return commodity === 'gas' ? 60 : minutes;
}
