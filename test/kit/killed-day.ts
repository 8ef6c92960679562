import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { type GatewayStatus, STATUS_FILE } from '../../src/app/status.ts';
import { parseUtc } from '../../src/core/time.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { ACCEPTED_ONCE, outcomeOf, untilAccepted } from './outcome.ts';
import { runProgram } from './program.ts';
import { storeIsClean } from './readings.ts';
import { lastWords, layOut, type Rehearsal, type RehearsalPlan } from './rehearsal.ts';

/** A rehearsed day of real processes in which the gateway is killed, and what must be true of it afterwards. */
const PATIENCE_MS = 30_000;

/** Until everything is accepted and the gateway knows it: its own status names no message that waits. */
export async function untilSettled(rehearsal: Rehearsal): Promise<void> {
  await untilAccepted(rehearsal, PATIENCE_MS);
  const since = rehearsal.clock.now();
  const file = resolve(rehearsal.folder, rehearsal.site.storage.folder, STATUS_FILE);
  const status = async () => {
    const { at, waiting } = JSON.parse(await readFile(file, 'utf8')) as GatewayStatus;
    return { isNew: parseUtc(at) > since, waiting };
  };
  await expect.poll(status, { timeout: PATIENCE_MS, interval: 500 }).toEqual({ isNew: true, waiting: [] });
}

export async function expectAcceptedOnce(rehearsal: Rehearsal): Promise<void> {
  const outcome = await outcomeOf(rehearsal);
  const words = `${await lastWords(rehearsal, 'gateway')}\nall of it in ${rehearsal.folder}`;
  const { points: all } = rehearsal.site;
  const intervalsAccepted = all.reduce((sum, { commodity }) => sum + 24 * (commodity === 'gas' ? 2 : 1), 0);
  expect(outcome, words).toMatchObject({ ...ACCEPTED_ONCE, intervalsAccepted });
  const ledger = await runProgram(
    ['ledger', '--config', join(rehearsal.folder, 'site.yaml'), '--day', rehearsal.plan.day, '--json'],
    10_000,
  );
  expect(ledger.status, ledger.stderr).toBe(0);
  const { points } = JSON.parse(ledger.stdout) as { points: Record<string, number>[] };
  expect(points).toHaveLength(all.length);
  for (const { expected, ...counts } of points)
    expect(counts).toMatchObject({ accepted: expected, pending: 0, rejected: 0, missing: 0, lost: 0, doubled: 0 });
  expect(await storeIsClean(rehearsal)).toBe(true);
  await rehearsal.remove();
}

/**
 * The gateway is killed (SIGKILL) at so many random moments, and once around each message: when it was queued, and when the
 * operator had taken it. Afterwards the day is accepted exactly once. Gives how often it was killed.
 */
export async function killedDay(day: RehearsalPlan, randomKills: number, seed: number): Promise<number> {
  const rehearsal = await layOut(day);
  const { clock, setting, end } = rehearsal;
  const random = seededRandom(seed);
  const moments = Array.from(
    { length: randomKills },
    () => setting.startWall + random.fraction() * (end - setting.startWall),
  );
  const struck = new Set<string>();
  let kills = 0;
  const strike = () => {
    kills += 1;
    gateway.kill();
  };
  /** Each message's first time at an event. */
  const strikeOnce = (event: string, id: unknown) => {
    const what = `${event} ${String(id)}`;
    if (struck.has(what)) return;
    struck.add(what);
    strike();
  };
  const running = [
    rehearsal.startMeters(),
    // The message is taken and its answer is on the way.
    rehearsal.startSandbox((line) => line.event === 'sandbox-received' && strikeOnce('received', line.id)),
  ];
  const gateway = rehearsal.startGateway(
    (line) => line.event === 'message-queued' && strikeOnce('queued', line.message),
  );
  try {
    for (const moment of moments.sort((a, b) => a - b)) {
      await clock.sleepUntil(moment);
      strike();
    }
    await untilSettled(rehearsal);
  } finally {
    await Promise.all([gateway, ...running].map((each) => each.stop()));
  }
  expect([...struck].filter((what) => what.startsWith('queued')).length).toBeGreaterThanOrEqual(2);
  expect([...struck].filter((what) => what.startsWith('received')).length).toBeGreaterThanOrEqual(2);
  expect(kills).toBeGreaterThanOrEqual(randomKills + 4);
  await expectAcceptedOnce(rehearsal);
  return kills;
}
