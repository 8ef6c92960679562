import { expect, it } from 'vitest';
import { aMessage, anAttempt, anInterval, aReading, aReceipt, DAY_START, POINT } from '../buffer/buffer.testkit.ts';
import type { Buffer } from '../buffer/index.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { simFile } from '../sim/append-log.ts';
import { simClock } from '../sim/clock.ts';
import { simFolder } from '../sim/folder.ts';
import { simDisk } from '../sim/store.ts';
import { createWorld } from '../sim/world.ts';
import { aSite, SILENT } from './app.testkit.ts';
import { openMemory, openMemoryAgain } from './memory.ts';

/** A table of the imagined store goes, any stretch of its rows, and LevelDB's repair is silent of it: the start after it is not. */
const SEEDS = 80;
const QUARTERS = Array.from({ length: 24 }, (_, n) => DAY_START + n * 15 * MINUTE_MS);
const SPAN = { start: DAY_START, end: DAY_START + 24 * HOUR_MS };
const SPANS = QUARTERS.map((start) => ({ start, end: start + 15 * MINUTE_MS }));
const INTERVALS = SPANS.map((span) => anInterval(span));
const DEVICES = ['boiler-house', 'mill'];

/** Two messages, of which the first is accepted and the other under way. */
async function fill(buffer: Buffer): Promise<void> {
  for (const at of QUARTERS) await buffer.keepRound(DEVICES.map((device) => aReading({ device, at })));
  for (const interval of INTERVALS) await buffer.keepIntervals([interval]);
  for (const part of [INTERVALS.slice(0, 12), INTERVALS.slice(12)]) {
    const { id } = await buffer.queueMessage((own) => aMessage(own, part));
    const number = await buffer.outbox.beginAttempt(id, DAY_START);
    if (part[0] === INTERVALS[0])
      await buffer.outbox.endAttempt(anAttempt(id, number, 'answered'), aReceipt(id, 'accepted'));
  }
}

/** The rows of readings and intervals that are lost are named, by themselves or by the entry of the journal that named them. */
function isNamed(lost: readonly string[], named: readonly string[]): boolean {
  const unnamed = (kind: string) => lost.filter((key) => key.startsWith(kind) && !named.includes(key)).length;
  const entries = (stream: string) => named.filter((key) => key.startsWith(`j/${stream}/`)).length;
  return unnamed('r/') <= DEVICES.length * entries('readings') && unnamed('i/') <= entries('intervals');
}

async function afterLoss(seed: number): Promise<{ lost: readonly string[]; named: readonly string[] }> {
  const world = createWorld(seed);
  const disk = simDisk(world, { random: world.random.fork('disk') });
  const vital = simFile(world, { random: world.random.fork('vital') });
  const folder = simFolder();
  const clock = simClock(world, DAY_START + 80 * HOUR_MS);
  const loaded = { site: { ...aSite(), points: [] }, devices: new Map() };
  return world.run(async () => {
    const memory = { loaded, vital: vital.open(), clock, log: SILENT };
    const store = await disk.open(true);
    const first = await openMemory({ ...memory, store });
    await fill(first);
    await first.tellHeads();
    await store.close();
    const lost = disk.loseTable();
    await expect(disk.open()).rejects.toMatchObject({ failure: { code: 'store-damaged' }, cause: expect.any(Error) });
    disk.repair();
    const repaired = { cause: 'a table is missing', copy: 'aside' };
    const again = { ...memory, store: await disk.open() };
    const { buffer, lastRepair } = await openMemoryAgain(again, folder, repaired);
    for (const device of DEVICES)
      for (const reading of await buffer.readings(device, 'volume.base', SPAN))
        expect(reading).toEqual(aReading({ device, at: reading.at }));
    for (const interval of await buffer.intervals(POINT, 'volume', SPAN)) expect(INTERVALS).toContainEqual(interval);
    const verification = await buffer.verify();
    expect(verification.clean, `seed ${seed}: ${JSON.stringify(verification).slice(0, 300)}`).toBe(true);
    await neverSentTwice(buffer);
    expect(lastRepair, `seed ${seed}`).toBeDefined();
    return { lost, named: verification.quarantined };
  });
}

async function neverSentTwice(buffer: Buffer): Promise<void> {
  for (const part of [INTERVALS.slice(0, 12), INTERVALS.slice(12)])
    await expect(buffer.queueMessage((own) => aMessage(own, part))).rejects.toMatchObject({
      failure: { code: 'already-queued' },
    });
  expect((await buffer.outbox.heads()).map(({ state }) => state)).toEqual(['sent']);
  const { counts } = await buffer.ledger([{ point: POINT, channel: 'volume', spans: SPANS }]);
  expect(counts.doubled).toBe(0);
}

it(`any table: nothing wrong is served, all that is missing is named, nothing can be sent twice (${SEEDS} seeds)`, {
  timeout: 60_000,
}, async () => {
  const kinds = new Set<string>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const { lost, named } = await afterLoss(seed);
    expect(isNamed(lost, named), `seed ${seed}: ${lost.join(', ').slice(0, 300)}`).toBe(true);
    for (const key of lost) kinds.add(key.slice(0, 2));
  }
  // Readings, intervals, journals, messages and what became of them, the small vital rows.
  expect([...kinds]).toEqual(expect.arrayContaining(['r/', 'i/', 'j/', 'm/']));
});
