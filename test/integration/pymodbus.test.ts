import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { marketDaySpan } from '../../src/core/calendar.ts';
import { HOUR_MS } from '../../src/core/time.ts';
import { ACCEPTED_ONCE, outcomeOf, untilAccepted } from '../kit/outcome.ts';
import { keptReadings } from '../kit/readings.ts';
import { electricityOnly, lastWords, layOut, type Rehearsal } from '../kit/rehearsal.ts';

/**
 * An independent server for the Modbus TCP side: pymodbus serves the registers of an SDM630, the real gateway reads it to an
 * accepted day. Every index the gateway kept must be one that pymodbus served, to the last bit of the float.
 */
const PYTHON = '/usr/bin/python3';
const hasPymodbus = spawnSync(PYTHON, ['-c', 'import pymodbus.server']).status === 0;

const DAY = '2026-03-11';
const SCALE = 3_000;
/** Real time by which a reading may be late on a busy machine: 5 rehearsed minutes. */
const LATE_MS = 100;
const UNIT = 1;

test.skipIf(!hasPymodbus)(
  'pymodbus serves an SDM630 over Modbus TCP to an accepted day (skipped where Debian package python3-pymodbus is not installed)',
  async () => {
    const rehearsal = await layOut({
      day: DAY,
      scale: SCALE,
      meters: ['meter-offices'],
      simulated: false,
      change: (site) => ({
        ...site,
        devices: site.devices.map((device) => ({ ...device, model: 'eastron/sdm630', address: UNIT })),
        collect: { ...site.collect, everyMs: 10 * 60_000 },
      }),
    });
    const stopPeer = await startPeer(rehearsal);
    const running = [rehearsal.startSandbox(), rehearsal.startGateway()];
    try {
      await untilAccepted(electricityOnly(rehearsal), 20_000);
    } finally {
      await Promise.all(running.map((each) => each.stop()));
      await stopPeer();
    }
    const outcome = await outcomeOf(rehearsal);
    expect(outcome, await lastWords(rehearsal, 'gateway')).toMatchObject({ ...ACCEPTED_ONCE, intervalsAccepted: 24 });
    await expectServed(rehearsal);
    await rehearsal.remove();
  },
  90_000,
);

/** Every kept index is a value that the server says it served, near the instant at which it did. */
async function expectServed(rehearsal: Rehearsal): Promise<void> {
  const lines = (await readFile(join(rehearsal.folder, 'served.jsonl'), 'utf8')).trimEnd().split('\n');
  const served = lines.map((line) => JSON.parse(line) as { at: number; kwh: number });
  const kept = await keptReadings(rehearsal, 'meter-offices', 'energy.active.import');
  expect(kept.length).toBeGreaterThan(24);
  const strangers = kept.filter(
    ({ at, value }) =>
      !served.some((each) => each.kwh === Math.fround(value) && Math.abs(each.at - at) <= LATE_MS * SCALE),
  );
  expect(strangers).toEqual([]);
}

async function startPeer({ folder, setting, site, ports }: Rehearsal): Promise<() => Promise<void>> {
  const script = join(import.meta.dirname, '../peers/sdm630.py');
  const span = marketDaySpan('electricity', DAY, 'Europe/Prague');
  const options = {
    port: ports.get(site.lines[0]!.id),
    unit: UNIT,
    point: site.points[0]!.code,
    'start-wall-ms': setting.startWall,
    'started-at-ms': setting.startedAtEpochMs,
    scale: SCALE,
    'day-start-ms': span.start,
    hours: (span.end - span.start) / HOUR_MS,
    'late-ms': LATE_MS,
    out: folder,
  };
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const said = openSync(join(folder, 'logs', 'pymodbus.log'), 'w');
  const peer = spawn(PYTHON, [script, ...args], { stdio: ['ignore', 'pipe', said] });
  closeSync(said);
  const ended = once(peer, 'exit');
  const first = await Promise.race([
    once(createInterface({ input: peer.stdout! }), 'line'),
    ended.then(([status]) => Promise.reject(new Error(`the pymodbus server ended with ${status}`))),
  ]);
  expect(first).toEqual(['{"event": "ready"}']);
  return async () => {
    peer.kill();
    await ended;
  };
}
