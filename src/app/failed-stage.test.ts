import { expect, it } from 'vitest';
import type { Buffer } from '../buffer/index.ts';
import { decimal } from '../core/decimal.ts';
import { OdecetError } from '../core/failure.ts';
import { cut } from '../core/schedule.ts';
import { MINUTE_MS } from '../core/time.ts';
import { gasPack } from '../message/message.testkit.ts';
import { aPoint, aReading, aSite, type Bench, bench, GAS, gasDay, SILENT } from './app.testkit.ts';
import { createCloser } from './closer.ts';
import { createHeatPass } from './heat-stage.ts';
import { createProfiler } from './profiler.ts';

/** A stage says how far it has come when its work is done, not before: what a full disk broke off is done the next time. */
const DAY = gasDay('2026-06-01');
const HEAT = { day: '2026-06-01', kWhPerM3: '10.5' };
const POINTS = [aPoint()];
const full = () => Promise.reject(new OdecetError('store-full', 'no room'));

async function dayRead(made: Bench, site: ReturnType<typeof aSite>) {
  const readings = [...cut(DAY, 60).map(({ start }) => start), DAY.end].map((at, n) =>
    aReading(at, decimal(1_000 + n)),
  );
  await made.buffer.keepRound(readings);
  const profiler = createProfiler({ ...made, site, points: POINTS });
  await profiler.follow();
  return profiler;
}

async function accept({ buffer, clock }: Bench): Promise<void> {
  for (const { message } of await buffer.outbox.heads()) {
    const at = clock.now();
    const number = await buffer.outbox.beginAttempt(message.id, at);
    const attempt = {
      message: message.id,
      number,
      startedAt: at,
      endedAt: at,
      outcome: 'answered',
      detail: '',
    } as const;
    const receipt = { message: message.id, verdict: 'accepted', reasons: [], receivedAt: at, xml: '<a/>' } as const;
    await buffer.outbox.endAttempt(attempt, receipt);
  }
}

it('a correction of a day that was done is made, though the first look at it failed', async () => {
  const site = aSite({ combustionHeat: [HEAT] });
  const made = await bench(DAY.end + 20 * MINUTE_MS);
  const profiler = await dayRead(made, site);
  let fails = false;
  const buffer: Buffer = {
    ...made.buffer,
    setCursor: (name, at) => (fails ? full() : made.buffer.setCursor(name, at)),
  };
  const packs = new Map([['gas', gasPack] as const]);
  const parts = { ...made, buffer, site, points: POINTS, packs, profiler, log: SILENT, installedAt: DAY.start };
  const closer = createCloser(parts);
  expect(await closer.closeDays()).toBe(1);
  await accept(made);
  expect(await closer.closeDays()).toBe(0);
  const [hour] = await made.buffer.intervals(GAS, 'volume', DAY);
  await made.buffer.keepIntervals([
    { ...hour!, value: decimal(7), quality: 'substituted', version: hour!.version + 1 },
  ]);
  fails = true;
  await expect(closer.closeDays()).rejects.toThrow('no room');
  fails = false;
  expect(await closer.closeDays()).toBe(1);
});

it('the energies of a heat that was told are made, though the first try failed', async () => {
  const site = aSite();
  const made = await bench(DAY.end + 20 * MINUTE_MS);
  const supply = { on: () => decimal(105, -1), days: () => [HEAT.day], refresh: async () => Number.POSITIVE_INFINITY };
  const real = await dayRead(made, site);
  const profiler = createProfiler({ ...made, site, points: POINTS, heatOn: supply.on });
  let fails = true;
  const pass = createHeatPass({
    ...made,
    site,
    supply,
    log: SILENT,
    profiler: { ...real, reheat: (days) => (fails ? full() : profiler.reheat(days)) },
  });
  const never = new AbortController().signal;
  await expect(pass(never)).rejects.toThrow('no room');
  expect(await made.buffer.intervals(GAS, 'energy', DAY)).toHaveLength(0);
  fails = false;
  await pass(never);
  expect(await made.buffer.intervals(GAS, 'energy', DAY)).toHaveLength(24);
});
