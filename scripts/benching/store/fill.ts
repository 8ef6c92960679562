import { join } from 'node:path';
import { createMaintenance } from '../../../src/app/maintenance.ts';
import { type Buffer, openBuffer } from '../../../src/buffer/index.ts';
import { HOUR_MS, MINUTE_MS, type UtcMs } from '../../../src/core/time.ts';
import { storageSchema } from '../../../src/device/storage.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostLog } from '../../../src/host/log.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import { followAll, lastOf } from './followers.ts';
import { keepHour, POINTS, round } from './records.ts';
import { DEVICES, VALUES } from './site.ts';

export const DAY_MS = 24 * HOUR_MS;
const MB = 1_000_000;
const LOOK_EVERY_MS = 6 * HOUR_MS;

export interface Span {
  readonly start: UtcMs;
  /** From here on every minute's samples are kept too; stored readings and intervals from `start` on. */
  readonly samplesFrom: UtcMs;
  readonly end: UtcMs;
}

export interface Filled {
  readonly perSecond: number;
  /** Once an hour of the samples. */
  readonly rss: readonly number[];
  readonly sizes: readonly number[];
  readonly maxBytes: number;
  readonly writtenPerDay: number;
  readonly pointDayMs: number;
  readonly sampleDayMs: number;
}

/**
 * Fills a new store in `folder` with what the site tells in that time, with the retention of the site file's defaults, as a gateway
 * would. What is older than the samples' retention a gateway has given up by the end: leaving it out leaves the same records.
 */
export async function fill(folder: string, { start, samplesFrom, end }: Span): Promise<Filled> {
  let now = start;
  const clock = { ...hostClock(), now: () => now };
  const store = await openLevelStore({ folder: join(folder, 'store'), create: true });
  const vital = hostAppendLog(join(folder, 'vital.log'));
  const buffer = await openBuffer(store, { clock, vital });
  const storage = storageSchema.parse(undefined);
  const log = hostLog({ level: 'warn' });
  const maintenance = createMaintenance({ storage, points: [], buffer, clock, log });
  await followAll(buffer, async () => Number.MAX_SAFE_INTEGER);
  const rss: number[] = [];
  const sizes: number[] = [];
  let began = performance.now();
  let writtenBefore = 0;
  for (; now < end; now += MINUTE_MS) {
    if (now === samplesFrom) {
      began = performance.now();
      writtenBefore = (await buffer.size()).written;
    }
    if (now >= samplesFrom)
      await Promise.all(DEVICES.map((device, n) => buffer.keepRound(round(device, n, now, start))));
    if (now % HOUR_MS === 0) await keepHour(buffer, now, start);
    if (now % LOOK_EVERY_MS === 0) {
      sizes.push((await buffer.size()).store);
      await maintenance.look();
    }
    if (now % HOUR_MS === 0 && now >= samplesFrom) rss.push(process.memoryUsage.rss());
    if ((now - start) % DAY_MS === 0) tell((now - start) / DAY_MS, sizes);
  }
  const seconds = (performance.now() - began) / 1_000;
  const sampled = (end - samplesFrom) / MINUTE_MS;
  const readings = sampled * DEVICES.length * VALUES.length;
  const read = await readBack(buffer, now);
  await followAll(buffer, (stream) => lastOf(buffer, stream));
  const written = (await buffer.size()).written - writtenBefore;
  await store.close();
  await vital.close();
  return {
    perSecond: readings / seconds,
    rss,
    sizes,
    maxBytes: storage.maxBytes,
    writtenPerDay: (written * DAY_MS) / (end - samplesFrom),
    ...read,
  };
}

async function readBack(buffer: Buffer, now: UtcMs): Promise<Pick<Filled, 'pointDayMs' | 'sampleDayMs'>> {
  const yesterday = { start: now - 2 * DAY_MS, end: now - DAY_MS };
  const samples = () => buffer.readings(DEVICES[7]!, VALUES[3]!, yesterday, undefined, 'sampled');
  return {
    pointDayMs: await middle(() => buffer.intervals(POINTS[7]!, 'import', yesterday), 96),
    sampleDayMs: await middle(samples, 1_440),
  };
}

async function middle(read: () => Promise<readonly unknown[]>, expected: number): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < 21; n++) {
    const began = performance.now();
    const { length } = await read();
    times.push(performance.now() - began);
    if (length !== expected) throw new Error(`${length} rows read, ${expected} expected`);
  }
  return times.sort((a, b) => a - b)[10]!;
}

function tell(day: number, sizes: readonly number[]): void {
  const rss = process.memoryUsage.rss() / MB;
  process.stderr.write(`day ${day}: ${rss.toFixed(0)} MB, disk ${((sizes.at(-1) ?? 0) / MB).toFixed(0)} MB\n`);
}
