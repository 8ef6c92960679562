import { expect, it } from 'vitest';
import type { Buffer } from '../buffer/index.ts';
import type { Round } from '../collect/round.ts';
import { failure } from '../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { aReading, bench, SILENT, ZONE } from './app.testkit.ts';
import { createRoundKeeper } from './round-keeper.ts';

function keeperOver(buffer: Buffer, zone?: string) {
  return createRoundKeeper({ buffer, clockOffMsMax: MINUTE_MS, localZone: () => zone, log: SILENT });
}

it('keeps what was read and what of it could not be used', async () => {
  const at = Date.UTC(2026, 5, 1, 10);
  const { buffer } = await bench(at);
  const keeper = keeperOver(buffer);
  const round: Round = { device: 'meter', readings: [aReading(at, '7')], unusable: [], startedAt: at, endedAt: at };
  await keeper.keep(round);
  await keeper.keep({ ...round, unusable: [failure('value-invalid', 'error digits')], endedAt: at + HOUR_MS });
  const hour = (n: number) => ({ start: at + n * HOUR_MS, end: at + n * HOUR_MS + 1 });
  expect(await buffer.readings('meter', 'volume.base.total', hour(0))).toHaveLength(1);
  expect(await buffer.refusals('meter', hour(0))).toEqual([]);
  expect(await buffer.refusals('meter', hour(1))).toEqual(['value-invalid']);
});

it('a value of the second autumn hour that was refused is news when the archive tells it beside that of the first', async () => {
  const first = Date.UTC(2027, 9, 31, 0);
  const { buffer } = await bench(first + HOUR_MS);
  const keeper = keeperOver(buffer, ZONE);
  const stored = (at: number, value: string) => aReading(at, value, { source: 'stored' });
  const round = { device: 'meter', unusable: [], startedAt: first + 1.9 * HOUR_MS, endedAt: first + 1.9 * HOUR_MS };
  const second = { start: first + HOUR_MS, end: first + HOUR_MS + 1 };
  await keeper.keep({ ...round, readings: [stored(first + HOUR_MS, '8')] });
  expect(await buffer.readings('meter', 'volume.base.total', second)).toEqual([]);
  expect(await buffer.refusals('meter', { start: round.endedAt, end: round.endedAt + 1 })).toEqual([
    'clock-not-credible',
  ]);
  await keeper.keep({ ...round, readings: [stored(first + HOUR_MS, '8'), stored(first, '7')] });
  expect(await buffer.readings('meter', 'volume.base.total', second)).toMatchObject([{ flags: [] }]);
});

it('remembers over a restart that the clock was seen off, and doubts what it froze then', async () => {
  const noon = Date.UTC(2026, 5, 1, 12);
  const { buffer } = await bench(noon + 2 * HOUR_MS);
  const at = (minutes: number) => noon + minutes * MINUTE_MS;
  const seen = (minutes: number, offMinutes: number, frozen: readonly number[] = []): Round => ({
    device: 'meter',
    readings: frozen.map((each) => aReading(at(each), '7', { source: 'stored' })),
    unusable: [],
    clockOffsetMs: offMinutes * MINUTE_MS,
    startedAt: at(minutes),
    endedAt: at(minutes),
  });
  const before = keeperOver(buffer);
  await before.keep(seen(1, 0));
  await before.keep(seen(16, 20));
  await keeperOver(buffer).keep(seen(50, 0, [0, 30]));
  // A third life: the span stands, though the clock has long been right.
  await keeperOver(buffer).keep(seen(80, 0, [45, 60]));
  const readings = await buffer.readings('meter', 'volume.base.total', { start: noon, end: at(61) });
  const isBelieved = readings.map((one) => [(one.at - noon) / MINUTE_MS, !one.flags.includes('clock-invalid')]);
  expect(isBelieved).toEqual([
    [0, true],
    [30, false],
    [45, false],
    [60, true],
  ]);
});
