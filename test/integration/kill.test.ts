import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { marketDaySpan } from '../../src/core/calendar.ts';
import { HOUR_MS, type UtcMs } from '../../src/core/time.ts';
import { expectAcceptedOnce, killedDay, untilSettled } from '../kit/killed-day.ts';
import { type LogLine, lastWords, layOut, type Rehearsal, type RehearsalPlan } from '../kit/rehearsal.ts';
import { type SmallDisk, smallDisk } from '../kit/small-disk.ts';

/**
 * What may happen to a gateway in a day, done to the real process: afterwards the day is accepted exactly once, and everything
 * agrees with what the meters counted, to the last place.
 */
const DAY = '2026-03-11';
const ZONE = 'Europe/Prague';
const KILLS = 10;
const SEED = Number(process.env.ODECET_SEED ?? Date.now() % 1_000_000);

/**
 * Meters that keep many full hours, which a gateway can fetch that was away for some: a restart takes the better part of a
 * rehearsed hour. What is lost must have been lost by the gateway.
 */
const PLAN: RehearsalPlan = { day: DAY, scale: 3_000, meters: ['corrector-boilers', 'meter-hall-1'] };
/** Only the last full hour can be read from this one. */
const FORGETFUL = 'corrector-main';

const disks = [smallDisk(16), smallDisk(16)] as const;
afterAll(() => {
  for (const disk of disks) disk?.remove();
});

const midnight = marketDaySpan('electricity', DAY, ZONE).start;
const hour = (count: number): UtcMs => midnight + count * HOUR_MS;
const events = ({ gatewayLog }: Rehearsal, name: string) => gatewayLog.filter(({ event }) => event === name);

test.concurrent(`kill -9 at ${KILLS} random moments of the day and around every message (ODECET_SEED=${SEED})`, async () => {
  await killedDay(PLAN, KILLS, SEED);
}, 120_000);

test.concurrent('the operator is down for hours, then loses answers, faults, and says what nobody knows', async () => {
  const rehearsal = await layOut({
    ...PLAN,
    faults: [
      { kind: 'down', times: 1 },
      { kind: 'soap-fault', times: 1 },
      { kind: 'lost-answer', times: 2 },
      { kind: 'bad-signature', times: 1 },
      { kind: 'unknown-code', times: 4 },
    ],
  });
  const { clock } = rehearsal;
  const running = [rehearsal.startMeters(), rehearsal.startGateway()];
  const received: LogLine[] = [];
  try {
    // The electricity day was to be sent at 00:10 of the next day, the operator comes back at 04:00.
    await clock.sleepUntil(hour(28));
    const unreachable = events(rehearsal, 'message-tried').filter(({ outcome }) => outcome === 'not-sent');
    expect(unreachable.length).toBeGreaterThan(1);
    running.push(rehearsal.startSandbox((line) => line.event === 'sandbox-received' && received.push(line)));
    await untilSettled(rehearsal);
  } finally {
    await Promise.all(running.map((each) => each.stop()));
  }
  // The operator got some of them again and again, and took each once.
  expect(received.length).toBeGreaterThan(new Set(received.map(({ id }) => id)).size);
  await expectAcceptedOnce(rehearsal);
}, 120_000);

test.skipIf(!disks[0])(
  'the disk is full for hours (skipped where this user may not mount a small disk)',
  async () => {
    // One gateway holds in memory what its meter will not tell again; one is killed meanwhile and asks its meters again.
    await Promise.all([
      fullDisk({ ...PLAN, meters: [FORGETFUL, ...PLAN.meters] }, disks[0]!, false),
      fullDisk(PLAN, disks[1]!, true),
    ]);
  },
  120_000,
);

async function fullDisk(plan: RehearsalPlan, disk: SmallDisk, withKill: boolean): Promise<void> {
  const folder = join(disk.folder, 'state');
  const rehearsal = await layOut({ ...plan, change: (site) => ({ ...site, storage: { ...site.storage, folder } }) });
  const { clock } = rehearsal;
  const gateway = rehearsal.startGateway();
  const running = [rehearsal.startMeters(), rehearsal.startSandbox(), gateway];
  try {
    await clock.sleepUntil(hour(9.7));
    disk.fill();
    await clock.sleepUntil(hour(13.4));
    const told = rehearsal.gatewayLog.filter(({ code }) => code === 'store-full');
    expect(told.length, await lastWords(rehearsal, 'gateway')).toBeGreaterThan(0);
    if (withKill) gateway.kill();
    await clock.sleepUntil(hour(15.3));
    disk.empty();
    await untilSettled(rehearsal);
  } finally {
    await Promise.all(running.map((each) => each.stop()));
  }
  await expectAcceptedOnce(rehearsal);
}
