import { expect, it } from 'vitest';
import type { Round } from '../collect/round.ts';
import { failure } from '../core/failure.ts';
import { HOUR_MS } from '../core/time.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { aReading, bench, ZONE } from './app.testkit.ts';
import { bufferSink } from './sink.ts';

it('keeps what was read and what of it could not be used', async () => {
  const at = Date.UTC(2026, 5, 1, 10);
  const { buffer } = await bench(at);
  const sink = bufferSink(buffer, undefined, quietLog, () => undefined);
  const round: Round = { device: 'meter', readings: [aReading(at, '7')], unusable: [], startedAt: at, endedAt: at };
  await sink.keep(round);
  await sink.keep({ ...round, unusable: [failure('value-invalid', 'error digits')], endedAt: at + HOUR_MS });
  const hour = (n: number) => ({ start: at + n * HOUR_MS, end: at + n * HOUR_MS + 1 });
  expect(await buffer.readings('meter', 'volume.base.total', hour(0))).toHaveLength(1);
  expect(await buffer.refusals('meter', hour(0))).toEqual([]);
  expect(await buffer.refusals('meter', hour(1))).toEqual(['value-invalid']);
});

it('a value of the second autumn hour that was refused is news when the archive tells it beside that of the first', async () => {
  const first = Date.UTC(2027, 9, 31, 0);
  const { buffer } = await bench(first + HOUR_MS);
  const sink = bufferSink(buffer, undefined, quietLog, () => ZONE);
  const stored = (at: number, value: string) => aReading(at, value, { source: 'stored' });
  const round = { device: 'meter', unusable: [], startedAt: first + 1.9 * HOUR_MS, endedAt: first + 1.9 * HOUR_MS };
  const second = { start: first + HOUR_MS, end: first + HOUR_MS + 1 };
  await sink.keep({ ...round, readings: [stored(first + HOUR_MS, '8')] });
  expect(await buffer.readings('meter', 'volume.base.total', second)).toEqual([]);
  expect(await buffer.refusals('meter', { start: round.endedAt, end: round.endedAt + 1 })).toEqual([
    'clock-not-credible',
  ]);
  await sink.keep({ ...round, readings: [stored(first + HOUR_MS, '8'), stored(first, '7')] });
  expect(await buffer.readings('meter', 'volume.base.total', second)).toMatchObject([{ flags: [] }]);
});
