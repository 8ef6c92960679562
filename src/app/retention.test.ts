import { expect, it } from 'vitest';
import { anInterval, aReading, DAY_START, memoryStore, standingClock } from '../buffer/buffer.testkit.ts';
import { type Buffer, openBuffer } from '../buffer/index.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import { ageRound } from './retention.ts';

const DAY_MS = 24 * HOUR_MS;
/** Of a pass. */
const ENTRIES_MAX = 200;
const storage = storageSchema.parse(undefined);
const FOLLOWERS = ['profiler/samples', 'profiler', 'closer/intervals', 'closer/delivery'];

/** A buffer that every stage has followed, and the calls that gave back its room. */
async function opened() {
  const givenBack: string[] = [];
  const store = memoryStore();
  const compact = async ({ gte }: { gte: string }) => void givenBack.push(gte);
  const buffer = await openBuffer({ ...store, compact }, { clock: standingClock(DAY_START) });
  for (const name of FOLLOWERS) await buffer.setCursor(name, Number.MAX_SAFE_INTEGER);
  return { buffer, givenBack };
}

async function passes(buffer: Buffer, days: number): Promise<{ passes: number; counts: object }> {
  const round = ageRound({ storage, buffer, now: DAY_START + days * DAY_MS }, ENTRIES_MAX);
  let count = 1;
  while (await round.pass()) count++;
  return { passes: count, counts: round.counts };
}

it('gives up days in passes, and their room once, at the end', async () => {
  const { buffer, givenBack } = await opened();
  const rounds = Array.from({ length: 450 }, (_, n) => [
    aReading({ at: DAY_START + n * 1_000, source: 'sampled' as const }),
  ]);
  await Promise.all(rounds.map((readings) => buffer.keepRound(readings)));
  const fresh = DAY_START + 20 * DAY_MS;
  await buffer.keepRound([aReading({ at: fresh, source: 'sampled' })]);
  expect(await passes(buffer, 20)).toEqual({ passes: 3, counts: { samples: 450 } });
  expect(givenBack).toEqual(['j/samples/', 'r/']);
  const left = await buffer.readings('boiler-house', 'volume.base', { start: DAY_START, end: fresh + MINUTE_MS });
  expect(left.map(({ at }) => at)).toEqual([fresh]);
  expect((await buffer.verify()).clean).toBe(true);
  expect(await passes(buffer, 20)).toEqual({ passes: 1, counts: {} });
});

it('comes to an end where all that is old must stay, and names it again', async () => {
  const { buffer, givenBack } = await opened();
  const kept = Array.from({ length: 210 }, (_, n) =>
    buffer.keepIntervals([anInterval({ start: DAY_START + n * HOUR_MS, end: DAY_START + (n + 1) * HOUR_MS })]),
  );
  await Promise.all(kept);
  expect(await passes(buffer, 1_000)).toEqual({ passes: 2, counts: {} });
  expect(givenBack).toEqual([]);
  expect(buffer.entries('intervals')).toBeGreaterThan(0);
  expect((await buffer.verify()).clean).toBe(true);
});

it('what a stage has not seen yet stays, however old', async () => {
  const { buffer } = await opened();
  await buffer.setCursor('profiler/samples', 0);
  for (let n = 0; n < 3; n++) await buffer.keepRound([aReading({ at: DAY_START + n * MINUTE_MS, source: 'sampled' })]);
  expect(await passes(buffer, 1_000)).toEqual({ passes: 1, counts: {} });
  await buffer.setCursor('profiler/samples', 2);
  expect(await passes(buffer, 1_000)).toEqual({ passes: 1, counts: { samples: 2 } });
});
