import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Supervised, supervise } from '../../scripts/rehearsal/processes.ts';
import { clockText } from '../../src/app/clock.ts';
import { HOUR_MS } from '../../src/core/time.ts';
import { ACCEPTED_ONCE, outcomeOf } from '../kit/outcome.ts';
import { runProgram } from '../kit/program.ts';
import { electricityOnly, type LogLine, layOut, type Rehearsal, type RehearsalPlan } from '../kit/rehearsal.ts';

/**
 * The machine is lost after its backup, with all that it sent since; what comes back stands in a new folder and has no
 * `vital.log`. It reads the same meters and speaks to the same operator: nothing may be accepted twice, nothing may be lost.
 */
const PLAN: RehearsalPlan = { day: '2026-03-11', scale: 2_000, meters: ['corrector-boilers', 'meter-hall-1'] };
const PATIENCE_MS = 30_000;
/** One electricity meter's day of hours. */
const SENT_BY_LOST = 24;

async function odecet(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await runProgram(args, 20_000);
  expect(status, stderr).toBe(0);
  return stdout;
}

/** The whole gateway over another folder of the same rehearsal. */
function startRestored({ folder, setting }: Rehearsal, fresh: string, heard: (line: LogLine) => void): Supervised {
  const args = ['gateway', '--config', join(fresh, 'site.yaml'), '--clock', clockText(setting)];
  return supervise('restored', args, join(folder, 'logs'), heard);
}

async function acceptedRows(rehearsal: Rehearsal): Promise<number> {
  return (await outcomeOf(rehearsal)).intervalsAccepted;
}

async function ledgerOf(fresh: string, day: string): Promise<Record<string, number>[]> {
  const text = await odecet('ledger', '--config', join(fresh, 'site.yaml'), '--day', day, '--json');
  return (JSON.parse(text) as { points: Record<string, number>[] }).points;
}

test('a day that was sent after the backup is held and closed by hand, one that was not is released: accepted once', async () => {
  const rehearsal = await layOut(PLAN);
  const { clock, folder, setting } = rehearsal;
  const passphrase = join(folder, 'passphrase');
  await writeFile(passphrase, 'correct horse\n');
  const backup = join(folder, 'site.backup');
  const fresh = `${folder}-fresh`;
  const lost = rehearsal.startGateway();
  const running: Supervised[] = [rehearsal.startMeters(), rehearsal.startSandbox(), lost];
  const held = new Map<string, string>();
  try {
    await clock.sleepUntil(setting.startWall + 14 * HOUR_MS);
    const config = join(folder, 'site.yaml');
    const heat = join(folder, 'heat.csv');
    await writeFile(heat, 'day;kWhPerM3\n2026-01-01;10,7\n');
    await odecet('heat', 'import', heat, '--config', config, '--by', 'P. Svoboda');
    await odecet('backup', backup, '--config', config, '--passphrase-file', passphrase);
    // Electricity is sent, gas is not yet: its day ends six hours later.
    await clock.sleepUntil(electricityOnly(rehearsal).end);
    await expect.poll(() => acceptedRows(rehearsal), { timeout: PATIENCE_MS, interval: 200 }).toBe(SENT_BY_LOST);
    await lost.stop();
    await rm(join(folder, rehearsal.site.storage.folder), { recursive: true });
    await odecet('restore', backup, '--into', fresh, '--passphrase-file', passphrase);
    const restored = startRestored(rehearsal, fresh, (line) => {
      if (line.code === 'day-held') held.set(String(line.message), String(line.detail));
    });
    running.push(restored);
    const details = () => [...held.values()].filter((detail) => detail.includes(PLAN.day)).map((d) => d.split(' ')[0]);
    await expect.poll(details, { timeout: 2 * PATIENCE_MS, interval: 500 }).toHaveLength(2);
    expect(new Set(details())).toEqual(new Set(['electricity', 'gas']));
    expect(await acceptedRows(rehearsal)).toBe(SENT_BY_LOST);

    const freshConfig = ['--config', join(fresh, 'site.yaml')];
    const decided = ['--delivered', '--reason', 'the operator shows it', '--by', 'J. Novák'];
    await odecet('release', PLAN.day, '--commodity', 'electricity', ...decided, ...freshConfig);
    await odecet('release', PLAN.day, '--commodity', 'gas', ...freshConfig);
    const settled = async () => (await ledgerOf(fresh, PLAN.day)).every((one) => one.accepted === one.expected);
    await expect.poll(settled, { timeout: PATIENCE_MS, interval: 1_000 }).toBe(true);
    for (const { expected, ...counts } of await ledgerOf(fresh, PLAN.day))
      expect(counts).toMatchObject({ accepted: expected, pending: 0, missing: 0, lost: 0, doubled: 0 });
    const audit = JSON.parse(await odecet('audit', ...freshConfig, '--json')) as { entries: { said: unknown }[] };
    expect(audit.entries.map(({ said }) => said)).toMatchObject([
      { what: 'site-file', file: config },
      { what: 'heat', by: 'P. Svoboda', days: [{ day: '2026-01-01', value: '10.7' }] },
      { what: 'restored', file: backup, holdsDays: true },
      { what: 'delivered', by: 'J. Novák' },
      { what: 'released', days: [`gas/${PLAN.day}`] },
    ]);
  } finally {
    await Promise.all(running.map((each) => each.stop()));
  }
  const log = await readFile(join(folder, 'logs', 'restored.log'), 'utf8');
  expect(await outcomeOf(rehearsal), log.slice(-3_000)).toMatchObject({ ...ACCEPTED_ONCE, intervalsAccepted: 72 });
  await rm(fresh, { recursive: true });
  await rehearsal.remove();
}, 180_000);
