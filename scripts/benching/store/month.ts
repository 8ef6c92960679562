import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isoUtc, MINUTE_MS } from '../../../src/core/time.ts';
import { cost, type Figure, rate } from '../figure.ts';
import { DAY_MS, type Filled, fill } from './fill.ts';
import { type Memory, type Paced, runAtPace } from './pace.ts';
import { DEVICES, VALUES } from './site.ts';

const MB = 1_000_000;

export interface Month {
  readonly days: number;
  /** For so many of them, the last ones, every minute's samples are kept. */
  readonly samplesDays: number;
  /** How long the gateway then runs over it at its real pace. */
  readonly minutes: number;
}

export function monthFigures(wanted: Month): readonly (() => Promise<Figure>)[] {
  let measured: Promise<Filled & Paced> | undefined;
  const month = () => (measured ??= measure(wanted));
  const of = (make: (m: Filled & Paced) => Figure) => async () => make(await month());
  return [
    // What 200 devices make in real time is 33 a second.
    of((m) => rate('readings kept', m.perSecond, 'readings/s', (DEVICES.length * VALUES.length) / 60, 1)),
    of((m) => cost('memory while the month is filled, last third over the second', growth(m.rss), '', 1.1, 1)),
    of((m) => cost('disk, most, of the declared size', Math.max(...m.sizes) / MB, 'MB', m.maxBytes / MB, 1)),
    of((m) => cost('records written a day', m.writtenPerDay / MB, 'MB', 1_000, 1)),
    of((m) => cost('start with all of it, whole process', m.startMs, 'ms', 2_000, 1)),
    of((m) => cost('memory of the gateway over it, most', most(m.memory, ({ all }) => all) / MB, 'MB', 80, 1)),
    of((m) => cost('the same, last third over the second', growth(m.memory.map(({ all }) => all)), '', 1.1, 1)),
    of((m) => cost('of that its own, not pages of files', most(m.memory, ({ own }) => own) / MB, 'MB', 80, 1)),
    of((m) => rate('rounds kept at that pace', m.rounds, '', m.expected, 1)),
    of((m) => cost("one point's day of quarter-hours", m.pointDayMs, 'ms', 5, 1)),
    of((m) => cost("one quantity's day of samples", m.sampleDayMs, 'ms', 100, 1)),
  ];
}

async function measure({ days, samplesDays, minutes }: Month): Promise<Filled & Paced> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-bench-'));
  try {
    const end = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
    const start = end - days * DAY_MS;
    const filled = await fill(folder, { start, samplesFrom: end - samplesDays * DAY_MS, end });
    // From today: what the month left open is the other bench.
    const today = isoUtc(end).slice(0, '2026-03-28'.length);
    return { ...filled, ...(await runAtPace(folder, isoUtc(start), today, minutes)) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function most(memory: readonly Memory[], of: (memory: Memory) => number): number {
  return Math.max(...memory.map(of));
}

function growth(rss: readonly number[]): number {
  const third = Math.max(1, Math.floor(rss.length / 3));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return mean(rss.slice(-third)) / mean(rss.slice(third, 2 * third));
}
