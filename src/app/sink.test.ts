import { expect, it } from 'vitest';
import type { Round } from '../collect/round.ts';
import { failure } from '../core/failure.ts';
import { HOUR_MS } from '../core/time.ts';
import { quietLog } from '../uplink/uplink.testkit.ts';
import { aReading, bench } from './app.testkit.ts';
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
