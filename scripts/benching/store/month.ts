import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMaintenance } from '../../../src/app/maintenance.ts';
import { type Buffer, openBuffer } from '../../../src/buffer/index.ts';
import { decimal } from '../../../src/core/decimal.ts';
import type { Interval } from '../../../src/core/interval.ts';
import { fits, QUANTITIES, type Quantity, UNITS, type Unit } from '../../../src/core/quantity.ts';
import type { Reading } from '../../../src/core/reading.ts';
import { HOUR_MS, MINUTE_MS, type UtcMs } from '../../../src/core/time.ts';
import { storageSchema } from '../../../src/device/storage.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostLog } from '../../../src/host/log.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import { cost, type Figure, rate } from '../figure.ts';

/** 200 devices that tell 10 values a minute, 64 points with quarter-hours, the site file's defaults. */
const DEVICES = Array.from({ length: 200 }, (_, n) => `meter-${String(n + 1).padStart(3, '0')}`);
const VALUES = Object.keys(QUANTITIES).slice(0, 10) as Quantity[];
const UNIT_NAMES = Object.keys(UNITS) as Unit[];
const POINTS = Array.from({ length: 64 }, (_, n) => `85918240000000${String(n).padStart(4, '0')}`);
const START: UtcMs = Date.UTC(2026, 0, 1);
const DAY_MS = 24 * HOUR_MS;
const MB = 1_000_000;
const LOOK_EVERY_MS = 6 * HOUR_MS;

interface Measured {
  readonly perSecond: number;
  readonly rss: readonly number[];
  readonly sizes: readonly number[];
  readonly maxBytes: number;
  readonly writtenPerDay: number;
  readonly startMs: number;
  readonly pointDayMs: number;
  readonly sampleDayMs: number;
}

export function monthFigures(days: number): readonly (() => Promise<Figure>)[] {
  let measured: Promise<Measured> | undefined;
  const month = () => (measured ??= measure(days));
  const of = (make: (m: Measured) => Figure) => async () => make(await month());
  return [
    // What 200 devices make in real time is 33 a second.
    of((m) => rate('readings kept', m.perSecond, 'readings/s', (DEVICES.length * VALUES.length) / 60, 1)),
    of((m) => cost('memory of the process, most', Math.max(...m.rss) / MB, 'MB', 80, 1)),
    of((m) => cost('memory, last third over the second', growth(m.rss), '', 1.1, 1)),
    of((m) => cost('disk, most, of the declared size', Math.max(...m.sizes) / MB, 'MB', m.maxBytes / MB, 1)),
    of((m) => cost('records written a day', m.writtenPerDay / MB, 'MB', 1_000, 1)),
    of((m) => cost('start with all of it, whole process', m.startMs, 'ms', 2_000, 1)),
    of((m) => cost("one point's day of quarter-hours", m.pointDayMs, 'ms', 5, 1)),
    of((m) => cost("one quantity's day of samples", m.sampleDayMs, 'ms', 100, 1)),
  ];
}

async function measure(days: number): Promise<Measured> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  try {
    const filled = await fill(folder, days);
    const began = performance.now();
    const started = spawnSync(process.execPath, [fileURLToPath(new URL('./start.js', import.meta.url)), folder]);
    const startMs = performance.now() - began;
    if (started.status !== 0) throw new Error(`the start failed: ${String(started.stderr)}`);
    return { ...filled, startMs };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(folder: string, days: number): Promise<Omit<Measured, 'startMs'>> {
  let now = START;
  const clock = { ...hostClock(), now: () => now };
  const store = await openLevelStore({ folder: join(folder, 'store'), create: true });
  const vital = hostAppendLog(join(folder, 'vital.log'));
  const buffer = await openBuffer(store, { clock, vital });
  const storage = storageSchema.parse(undefined);
  const log = hostLog({ level: 'warn' });
  const maintenance = createMaintenance({ storage, points: [], buffer, clock, log });
  // Nobody follows here, so nothing waits for a stage.
  for (const name of ['profiler', 'profiler/samples', 'closer/intervals', 'closer/delivery'])
    await buffer.setCursor(name, Number.MAX_SAFE_INTEGER);
  const rss: number[] = [];
  const sizes: number[] = [];
  const began = performance.now();
  for (; now < START + days * DAY_MS; now += MINUTE_MS) {
    await Promise.all(DEVICES.map((device, n) => buffer.keepRound(round(device, n, now))));
    if (now % HOUR_MS === 0) await keepHour(buffer, now);
    if (now % LOOK_EVERY_MS === 0) {
      sizes.push((await buffer.size()).store);
      await maintenance.look();
    }
    if (now % HOUR_MS === 0) rss.push(process.memoryUsage.rss());
    if (now % DAY_MS === 0) tell(now, rss, sizes);
  }
  const seconds = (performance.now() - began) / 1_000;
  const readings = (days * DAY_MS * DEVICES.length * VALUES.length) / MINUTE_MS;
  const yesterday = { start: now - 2 * DAY_MS, end: now - DAY_MS };
  const pointDayMs = await middle(() => buffer.intervals(POINTS[7]!, 'import', yesterday), 96);
  const sampleDayMs = await middle(
    () => buffer.readings(DEVICES[7]!, VALUES[3]!, yesterday, undefined, 'sampled'),
    1_440,
  );
  const { written } = await buffer.size();
  await store.close();
  return {
    perSecond: readings / seconds,
    rss,
    sizes,
    maxBytes: storage.maxBytes,
    writtenPerDay: written / days,
    pointDayMs,
    sampleDayMs,
  };
}

function tell(now: UtcMs, rss: readonly number[], sizes: readonly number[]): void {
  const day = Math.round((now - START) / DAY_MS);
  process.stderr.write(
    `day ${day}: ${((rss.at(-1) ?? 0) / MB).toFixed(0)} MB, disk ${((sizes.at(-1) ?? 0) / MB).toFixed(0)} MB\n`,
  );
}

function round(device: string, n: number, at: UtcMs): Reading[] {
  const asked = at + n * 137;
  return VALUES.map((quantity, v) =>
    reading(device, quantity, asked, 'sampled', (at - START) / MINUTE_MS + 7_919 * v + n),
  );
}

function reading(device: string, quantity: Quantity, at: UtcMs, source: Reading['source'], count: number): Reading {
  const value = 1_000_000 + Math.round(count * 17.3);
  return {
    device,
    quantity,
    kind: 'counter',
    value: decimal(value, -3),
    unit: unitOf(quantity),
    at,
    source,
    uncertaintyMs: 40,
    readAt: at + 40,
    flags: [],
    raw: value.toString(16).padStart(8, '0'),
  };
}

function unitOf(quantity: Quantity): Unit {
  const unit = UNIT_NAMES.find((name) => fits(quantity, name));
  if (!unit) throw new Error(`${quantity} has no unit`);
  return unit;
}

/** What the boundary brings: stored indexes, and the quarter-hours made of them. */
async function keepHour(buffer: Buffer, at: UtcMs): Promise<void> {
  await Promise.all(
    DEVICES.map((device, n) =>
      buffer.keepRound([reading(device, VALUES[0]!, at, 'stored', (at - START) / MINUTE_MS + n)]),
    ),
  );
  await Promise.all(POINTS.map((point, n) => buffer.keepIntervals(quarters(point, n, at))));
}

function quarters(point: string, n: number, end: UtcMs): Interval[] {
  return [4, 3, 2, 1].map((left): Interval => {
    const start = end - left * 15 * MINUTE_MS;
    const edge = (at: UtcMs) => ({
      at,
      index: decimal(at / MINUTE_MS + n, -3),
      source: 'stored' as const,
      readings: [at],
    });
    const stop = start + 15 * MINUTE_MS;
    const origin = { device: DEVICES[n]!, quantity: VALUES[0]!, from: edge(start), to: edge(stop) };
    return {
      point,
      channel: 'import',
      start,
      end: stop,
      value: decimal(15 + n, -3),
      unit: 'kWh',
      quality: 'measured',
      findings: [],
      version: 1,
      madeAt: end + 5_000,
      origins: [origin],
    };
  });
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

function growth(rss: readonly number[]): number {
  const third = Math.max(1, Math.floor(rss.length / 3));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return mean(rss.slice(-third)) / mean(rss.slice(third, 2 * third));
}
