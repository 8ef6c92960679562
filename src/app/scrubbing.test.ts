import { expect, it } from 'vitest';
import { aReading, DAY_START } from '../buffer/buffer.testkit.ts';
import { openBuffer } from '../buffer/index.ts';
import { readingKey } from '../buffer/keys.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import type { LogFields } from '../machine/log.ts';
import { pause } from '../machine/timers.ts';
import { simClock } from '../sim/clock.ts';
import { seededRandom } from '../sim/random.ts';
import { simDisk } from '../sim/store.ts';
import { createWorld } from '../sim/world.ts';
import { SILENT } from './app.testkit.ts';
import { createMaintenance } from './maintenance.ts';

const ROUNDS = 300;
const PER_SECOND = 1;
const RUNS_MS = 2 * HOUR_MS;
/** Of a round of readings its entry and its row, each met by the journal, and both again by their keys; and the vital row. */
const RECORDS = 4 * ROUNDS + 1;

it('a running gateway goes round its records at the stated rate; what is damaged is told once and moved aside', async () => {
  const world = createWorld(1);
  const disk = simDisk(world, { random: seededRandom(1) });
  const told: unknown[] = [];
  const log = {
    ...SILENT,
    error: (event: string, fields?: LogFields) => void told.push([event, fields?.record]),
  };
  const key = readingKey('boiler-house', DAY_START + 200 * MINUTE_MS, 'stored', 1);
  const found = await world.run(async () => {
    const clock = simClock(world, DAY_START);
    const buffer = await openBuffer(await disk.open(true), { clock });
    for (let n = 0; n < ROUNDS; n++) await buffer.keepRound([aReading({ at: DAY_START + n * MINUTE_MS })]);
    const storage = { ...storageSchema.parse(undefined), scrubPerSecond: PER_SECOND };
    const maintenance = createMaintenance({ storage, points: [], buffer, clock, log });
    expect(disk.flipBit(key)).toBe(key);
    const stop = new AbortController();
    const running = maintenance.run(stop.signal);
    await pause(world, RUNS_MS);
    stop.abort();
    await running;
    return { quarantined: (await buffer.verify()).quarantined, ...(await maintenance.status()).scrub };
  });
  expect(Math.abs(found.rounds - (PER_SECOND * RUNS_MS) / 1_000 / RECORDS)).toBeLessThan(1);
  expect(found.quarantined).toEqual([key]);
  expect(told).toEqual([['record-damaged', key]]);
});
