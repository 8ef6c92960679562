import { expect, it } from 'vitest';
import { aMessage, anAttempt, aReceipt } from '../buffer/buffer.testkit.ts';
import { intervalKey } from '../buffer/keys.ts';
import { HOUR_MS, isoUtc } from '../core/time.ts';
import { storageSchema } from '../device/storage.ts';
import { aPoint, aReading, aSite, bench, GAS, gasDay } from './app.testkit.ts';
import { closeAgain, mend } from './mend.ts';
import { createProfiler } from './profiler.ts';

const DAY_MS = 24 * HOUR_MS;
const DAY = gasDay('2026-06-01');
const { retention } = storageSchema.parse(undefined);
const point = aPoint();
const site = aSite({ combustionHeat: [{ day: '2026-06-01', kWhPerM3: '10' }] });

/** A day of 7 m3 an hour that was accepted; `daysLater` the gateway looks at it again. */
async function acceptedDay(daysLater: number) {
  const made = await bench(DAY.end + HOUR_MS);
  const { buffer, clock, store } = made;
  for (let n = 0; n <= 24; n++) await buffer.keepRound([aReading(DAY.start + n * HOUR_MS, String(100 + 7 * n))]);
  const profiler = createProfiler({ site, points: [point], buffer, clock });
  await profiler.follow();
  await profiler.finish(point, DAY);
  const intervals = [...(await buffer.intervals(GAS, 'volume', DAY)), ...(await buffer.intervals(GAS, 'energy', DAY))];
  const { id } = await buffer.queueMessage((own) => aMessage(own, intervals));
  await buffer.outbox.beginAttempt(id, DAY.end);
  await buffer.outbox.endAttempt(anAttempt(id, 1, 'answered'), aReceipt(id, 'accepted'));
  clock.stepWall(daysLater * DAY_MS);
  const lose = async (channel: 'volume' | 'energy') => {
    const key = intervalKey({ point: GAS, channel, start: DAY.start + 3 * HOUR_MS, version: 1 });
    const value = (await store.get(key))!.slice();
    value[50]! ^= 1;
    await store.batch([{ kind: 'put', key, value }]);
    return buffer.quarantine([{ key, detail: 'checksum' }]);
  };
  const states = async () => {
    const spans = Array.from({ length: 24 }, (_, n) => ({
      start: DAY.start + n * HOUR_MS,
      end: DAY.start + (n + 1) * HOUR_MS,
    }));
    const { counts } = await buffer.ledger([
      { point: GAS, channel: 'volume', spans },
      { point: GAS, channel: 'energy', spans },
    ]);
    return { accepted: counts.accepted, lost: counts.lost };
  };
  const mended = (found: Parameters<typeof mend>[1]) =>
    mend({ buffer, points: [point], retention }, found, clock.now());
  return { ...made, profiler, lose, states, mended };
}

it.each([1, 44, 100, 390])(
  'an accepted interval is made again of its readings and not told again: %i days old',
  async (days) => {
    const { lose, states, mended, profiler } = await acceptedDay(days);
    const found = await lose('volume');
    expect(await states()).toEqual({ accepted: 47, lost: 1 });
    const { mended: counts, lost } = await mended(found);
    expect(counts.readingsNamedAgain).toBe(2);
    await profiler.finishLost(lost);
    expect(await states()).toEqual({ accepted: 48, lost: 0 });
  },
);

it('an energy is made again of its volume, though nothing of the meter is lost', async () => {
  const { lose, states, mended, profiler } = await acceptedDay(100);
  const { lost } = await mended(await lose('energy'));
  await profiler.finishLost(lost);
  expect(await states()).toEqual({ accepted: 48, lost: 0 });
});

it('what the journal cannot name is looked for as far back as readings are kept', async () => {
  const { buffer, store, clock, restart } = await acceptedDay(100);
  const [gone, other] = await buffer.intervals(GAS, 'volume', {
    start: DAY.start + 5 * HOUR_MS,
    end: DAY.start + 7 * HOUR_MS,
  });
  const [energy] = await buffer.intervals(GAS, 'energy', { start: DAY.start + 8 * HOUR_MS, end: DAY.end });
  await store.batch([gone!, other!, energy!].map((each) => ({ kind: 'delete', key: intervalKey(each) })));
  const found = [{ key: 'j/intervals/000000000000003', detail: 'the journal entry is gone' }];
  const again = { buffer: (await restart()).buffer, points: [point], retention };
  const { lost } = await mend(again, found, clock.now());
  const inDay = lost.filter(({ start }) => start < DAY.end).map(({ start, end }) => [isoUtc(start), isoUtc(end)]);
  // The volumes of two hours, and the energies of one: then the days that nobody has read begin.
  expect(inDay.slice(0, 1)).toEqual([['2026-06-01T09:00:00Z', '2026-06-01T11:00:00Z']]);
  expect(inDay).toContainEqual(['2026-06-01T12:00:00Z', '2026-06-01T13:00:00Z']);
});

it('the closer looks again at the day of what is lost, also when it was done long ago', async () => {
  const { buffer, lose, mended } = await acceptedDay(100);
  await buffer.setCursor('closer/gas', DAY.end + 90 * DAY_MS);
  const { lost } = await mended(await lose('energy'));
  await closeAgain(buffer, lost);
  expect(isoUtc(await buffer.cursor('closer/gas'))).toBe(isoUtc(DAY.start + 3 * HOUR_MS));
  await closeAgain(
    buffer,
    lost.map((one) => ({ ...one, start: one.start + DAY_MS })),
  );
  expect(isoUtc(await buffer.cursor('closer/gas'))).toBe(isoUtc(DAY.start + 3 * HOUR_MS));
});

it('what is about to go for its age is left alone', async () => {
  const { lose, mended } = await acceptedDay(399);
  expect((await mended(await lose('volume'))).lost).toEqual([]);
});
