import { expect, test } from 'vitest';
import { marketDaySpan } from '../core/calendar.ts';
import { decimal } from '../core/decimal.ts';
import type { Verdict } from '../core/message.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type UtcMs } from '../core/time.ts';
import { gasPack } from '../message/message.testkit.ts';
import { siteStatusSchema } from '../uplink/relay/status.ts';
import { boundedStatus } from '../uplink/relay/status-bounds.ts';
import { aPoint, aReading, aSite, type Bench, bench, GAS, SILENT, ZONE } from './app.testkit.ts';
import { createCloser } from './closer.ts';
import { createLastAnswer } from './last-answer.ts';
import { createOldestOpen } from './oldest-open.ts';
import { createProfiler } from './profiler.ts';
import { siteStatus } from './site-status.ts';

const TODAY = '2026-06-04';
const DAYS = ['2026-06-01', '2026-06-02', '2026-06-03'];
const INSTALLED = marketDaySpan('gas', DAYS[0]!, ZONE).start - HOUR_MS;
const NOW = marketDaySpan('gas', TODAY, ZONE).start + 20 * MINUTE_MS;
const site = aSite({ combustionHeat: [...DAYS, TODAY].map((day) => ({ day, kWhPerM3: '10.5' })) });
const POINTS = [aPoint()];

/** Three days were read and closed; their messages wait. */
async function closed(): Promise<Bench> {
  const made = await bench(NOW);
  const { buffer, clock } = made;
  const start = marketDaySpan('gas', DAYS[0]!, ZONE).start;
  const hours = cut({ start, end: NOW - (NOW % HOUR_MS) }, 60);
  const at = [start, ...hours.map(({ end }) => end)];
  await buffer.keepRound(at.map((instant, n) => aReading(instant, decimal(1_000_000 + n * 1_500, -3))));
  const profiler = createProfiler({ site, points: POINTS, buffer, clock });
  const packs = new Map([['gas', gasPack] as const]);
  await profiler.follow();
  const parts = { site, points: POINTS, packs, buffer, profiler, clock, log: SILENT, installedAt: INSTALLED };
  await createCloser(parts).closeDays();
  return made;
}

async function answer({ buffer }: Bench, day: string, verdict: Verdict, at: UtcMs): Promise<void> {
  const { message } = (await buffer.outbox.heads()).find((head) => head.message.day === day)!;
  const number = await buffer.outbox.beginAttempt(message.id, at);
  const reasons = verdict === 'rejected' ? [{ code: '042', type: 'A', text: 'wrong point' }] : [];
  await buffer.outbox.endAttempt(
    { message: message.id, number, startedAt: at, endedAt: at, outcome: 'answered', detail: '' },
    { message: message.id, verdict, reasons, receivedAt: at, xml: '<a/>' },
  );
}

test('the last answer is the one that came last, whatever day it is about', async () => {
  const made = await closed();
  const last = createLastAnswer(made.buffer, ZONE, () => NOW);
  expect(await last()).toBeUndefined();
  await answer(made, DAYS[2]!, 'accepted', NOW + 1_000);
  expect(await last()).toMatchObject({ day: DAYS[2], verdict: 'accepted', at: isoUtc(NOW + 1_000), reasons: '' });
  await answer(made, DAYS[0]!, 'rejected', NOW + 2_000);
  expect(await last()).toMatchObject({
    day: DAYS[0],
    commodity: 'gas',
    verdict: 'rejected',
    reasons: '042 wrong point',
  });
  // After a restart it is found again.
  const { buffer } = await made.restart();
  expect(await createLastAnswer(buffer, ZONE, () => NOW)()).toMatchObject({ day: DAYS[0] });
});

test('the answer to a message with a last word is read once', async () => {
  const made = await closed();
  const read: string[] = [];
  const receipt = (id: string) => {
    read.push(id);
    return made.buffer.receipt(id);
  };
  const last = createLastAnswer({ ...made.buffer, receipt }, ZONE, () => NOW);
  await answer(made, DAYS[2]!, 'accepted', NOW + 1_000);
  const [sent] = (await last()) ? read.splice(0) : [];
  expect(sent).toBeDefined();
  await answer(made, DAYS[0]!, 'rejected', NOW + 2_000);
  expect(await last()).toMatchObject({ day: DAYS[0] });
  await answer(made, DAYS[1]!, 'accepted', NOW + 3_000);
  expect(await last()).toMatchObject({ day: DAYS[1] });
  const accepted = (await made.buffer.messagesOf('gas', DAYS[2]!))[0];
  expect(read).not.toContain(accepted);
});

test('the oldest interval that is not accepted moves on with the answers, and past midnight', async () => {
  const made = await closed();
  const oldest = createOldestOpen({ site, points: POINTS, buffer: made.buffer, installedAt: INSTALLED });
  const startOf = (day: string) => isoUtc(marketDaySpan('gas', day, ZONE).start);
  expect(await oldest(NOW)).toMatchObject({ point: GAS, start: startOf(DAYS[0]!) });
  await answer(made, DAYS[1]!, 'accepted', NOW);
  expect(await oldest(NOW)).toMatchObject({ start: startOf(DAYS[0]!) });
  await answer(made, DAYS[0]!, 'accepted', NOW);
  expect(await oldest(NOW)).toMatchObject({ start: startOf(DAYS[2]!) });
  await answer(made, DAYS[2]!, 'accepted', NOW);
  expect(await oldest(NOW)).toBeUndefined();
  expect(await oldest(NOW + 3 * HOUR_MS)).toMatchObject({ start: startOf(TODAY) });
  expect(await oldest(NOW + 26 * HOUR_MS)).toMatchObject({ start: startOf(TODAY) });
});

test('what a site says fits the published schema, and has everything that staff ask for', async () => {
  const made = await closed();
  await answer(made, DAYS[0]!, 'accepted', NOW);
  const { buffer } = made;
  const parts = {
    site: 'park',
    version: '1.2.3',
    points: POINTS,
    buffer,
    box: {
      facts: async () => ({ uptimeMs: 1, memoryBytes: 2, diskFreeBytes: 3, temperatureC: 41.5, ntpSynchronised: true }),
    },
    certificates: [{ name: 'broker client', validTo: NOW + 30 * 24 * HOUR_MS }],
    lastAnswer: createLastAnswer(buffer, ZONE, () => NOW),
    oldestOpen: createOldestOpen({ site, points: POINTS, buffer, installedAt: INSTALLED }),
    seen: {
      relay: { lastReceiptAt: isoUtc(NOW), unbelieved: 0, unanswered: 3 },
      clock: { offsetMs: -1_500, uncertaintyMs: 40, at: NOW },
    },
  };
  const device = {
    device: 'meter',
    line: 'line',
    lastGoodAt: NOW,
    reads: 1,
    failures: {},
    failuresInRow: 0,
    clockOffsetMs: 2_000,
  };
  const status = boundedStatus(await siteStatus(parts, { devices: [device], lines: [], roundsWaiting: 0 }, NOW));
  expect(siteStatusSchema.strict().parse(status)).toMatchObject({
    version: '1.2.3',
    box: { uptimeMs: 1, memoryBytes: 2, diskFreeBytes: 3, temperatureC: 41.5, ntpSynchronised: true },
    clock: { offsetMs: -1_500, uncertaintyMs: 40, at: isoUtc(NOW) },
    relay: { lastReceiptAt: isoUtc(NOW), unbelieved: 0, unanswered: 3 },
    devices: [{ device: 'meter', lastGoodAt: isoUtc(NOW), clockOffsetMs: 2_000 }],
    points: [
      { point: GAS, device: 'meter', channel: 'volume', gaps: 0, qualities: { measured: 24 } },
      { point: GAS, channel: 'energy', gaps: 0 },
    ],
    outbox: { depth: 2, oldestDay: DAYS[1], oldestInterval: { point: GAS }, lastAnswer: { verdict: 'accepted' } },
    certificates: [{ name: 'broker client', daysLeft: 30 }],
    counts: { devices: 1, devicesGood: 1, channels: 2, gaps: 0, leftOut: { messages: 0 } },
  });
});
