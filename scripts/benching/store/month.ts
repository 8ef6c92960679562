import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMaintenance } from '../../../src/app/maintenance.ts';
import { type Buffer, openBuffer, type Stream } from '../../../src/buffer/index.ts';
import { decimal } from '../../../src/core/decimal.ts';
import type { Interval } from '../../../src/core/interval.ts';
import { fits, type Quantity, UNITS, type Unit } from '../../../src/core/quantity.ts';
import type { Reading } from '../../../src/core/reading.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type UtcMs } from '../../../src/core/time.ts';
import { storageSchema } from '../../../src/device/storage.ts';
import { hostAppendLog } from '../../../src/host/append-log.ts';
import { hostClock } from '../../../src/host/clock.ts';
import { hostLog } from '../../../src/host/log.ts';
import { openLevelStore } from '../../../src/host/store-level.ts';
import { cost, type Figure, rate } from '../figure.ts';
import { type Memory, type Paced, runAtPace } from './pace.ts';
import { DEVICES, VALUES } from './site.ts';

/** The whole site of site.ts, and 64 points with quarter-hours; the site file's defaults. */
const UNIT_NAMES = Object.keys(UNITS) as Unit[];
const POINTS = Array.from({ length: 64 }, (_, n) => `85918240000000${String(n).padStart(4, '0')}`);
const DAY_MS = 24 * HOUR_MS;
const MB = 1_000_000;
const LOOK_EVERY_MS = 6 * HOUR_MS;

interface Measured {
  readonly perSecond: number;
  readonly rss: readonly number[];
  readonly sizes: readonly number[];
  readonly maxBytes: number;
  readonly writtenPerDay: number;
  readonly pointDayMs: number;
  readonly sampleDayMs: number;
}

/** @param minutes how long the gateway then runs over it at its real pace */
export function monthFigures(days: number, minutes: number): readonly (() => Promise<Figure>)[] {
  let measured: Promise<Measured & Paced> | undefined;
  const month = () => (measured ??= measure(days, minutes));
  const of = (make: (m: Measured & Paced) => Figure) => async () => make(await month());
  return [
    // What 200 devices make in real time is 33 a second.
    of((m) => rate('readings kept', m.perSecond, 'readings/s', (DEVICES.length * VALUES.length) / 60, 1)),
    of((m) => cost('memory while the month is filled, last third over the second', growth(m.rss), '', 1.1, 1)),
    of((m) => cost('disk, most, of the declared size', Math.max(...m.sizes) / MB, 'MB', m.maxBytes / MB, 1)),
    of((m) => cost('records written a day', m.writtenPerDay / MB, 'MB', 1_000, 1)),
    of((m) => cost('start with all of it, whole process', m.startMs, 'ms', 2_000, 1)),
    of((m) => cost('memory of the gateway over it, most', most(m.memory, ({ all }) => all) / MB, 'MB', 80, 1)),
    of((m) => cost('of that its own, not pages of files', most(m.memory, ({ own }) => own) / MB, 'MB', 80, 1)),
    of((m) => rate('rounds kept at that pace', m.rounds, '', m.expected, 1)),
    of((m) => cost("one point's day of quarter-hours", m.pointDayMs, 'ms', 5, 1)),
    of((m) => cost("one quantity's day of samples", m.sampleDayMs, 'ms', 100, 1)),
  ];
}

async function measure(days: number, minutes: number): Promise<Measured & Paced> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  try {
    const end = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const filled = await fill(folder, end - days * DAY_MS, end);
    // From today: what the month left open is the other bench.
    const today = isoUtc(end).slice(0, '2026-03-28'.length);
    return { ...filled, ...(await runAtPace(folder, isoUtc(end - days * DAY_MS), today, minutes)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function most(memory: readonly Memory[], of: (memory: Memory) => number): number {
  return Math.max(...memory.map(of));
}

async function fill(folder: string, start: UtcMs, end: UtcMs): Promise<Measured> {
  const days = (end - start) / DAY_MS;
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
  const began = performance.now();
  for (; now < end; now += MINUTE_MS) {
    await Promise.all(DEVICES.map((device, n) => buffer.keepRound(round(device, n, now, start))));
    if (now % HOUR_MS === 0) await keepHour(buffer, now, start);
    if (now % LOOK_EVERY_MS === 0) {
      sizes.push((await buffer.size()).store);
      await maintenance.look();
    }
    if (now % HOUR_MS === 0) rss.push(process.memoryUsage.rss());
    if ((now - start) % DAY_MS === 0) tell((now - start) / DAY_MS, rss, sizes);
  }
  const seconds = (performance.now() - began) / 1_000;
  const readings = (days * DAY_MS * DEVICES.length * VALUES.length) / MINUTE_MS;
  const yesterday = { start: now - 2 * DAY_MS, end: now - DAY_MS };
  const pointDayMs = await middle(() => buffer.intervals(POINTS[7]!, 'import', yesterday), 96);
  const sampleDayMs = await middle(
    () => buffer.readings(DEVICES[7]!, VALUES[3]!, yesterday, undefined, 'sampled'),
    1_440,
  );
  await followAll(buffer, (stream) => lastOf(buffer, stream));
  const { written } = await buffer.size();
  await store.close();
  await vital.close();
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

/** There are no stages here: nothing waits for one, and the gateway that comes later has nothing to catch up with. */
const FOLLOWERS: Readonly<Record<string, Stream>> = {
  profiler: 'readings',
  'profiler/samples': 'samples',
  'closer/intervals': 'intervals',
  'closer/delivery': 'delivery',
};

async function followAll(buffer: Buffer, upTo: (stream: Stream) => Promise<number>): Promise<void> {
  for (const [name, stream] of Object.entries(FOLLOWERS)) await buffer.setCursor(name, await upTo(stream));
}

/** The number of a journal's last entry. */
async function lastOf(buffer: Buffer, stream: Stream): Promise<number> {
  let [last, beyond] = [0, 2 ** 40];
  while (last < beyond) {
    const middleOf = Math.floor((last + beyond) / 2);
    if ((await buffer.changes(stream, middleOf, 1)).length > 0) last = middleOf + 1;
    else beyond = middleOf;
  }
  return last;
}

function tell(day: number, rss: readonly number[], sizes: readonly number[]): void {
  process.stderr.write(
    `day ${day}: ${((rss.at(-1) ?? 0) / MB).toFixed(0)} MB, disk ${((sizes.at(-1) ?? 0) / MB).toFixed(0)} MB\n`,
  );
}

function round(device: string, n: number, at: UtcMs, start: UtcMs): Reading[] {
  const asked = at + n * 137;
  return VALUES.map((quantity, v) =>
    reading(device, quantity, asked, 'sampled', (at - start) / MINUTE_MS + 7_919 * v + n),
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
async function keepHour(buffer: Buffer, at: UtcMs, start: UtcMs): Promise<void> {
  await Promise.all(
    DEVICES.map((device, n) =>
      buffer.keepRound([reading(device, VALUES[0]!, at, 'stored', (at - start) / MINUTE_MS + n)]),
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
