import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createModbusDriver } from '../drivers/modbus/index.ts';
import { type Decimal, decimal, equal } from '../src/core/decimal.ts';
import type { ReadRequest, ReadResult, Step } from '../src/core/driver.ts';
import { HOUR_MS, parseUtc, type UtcMs } from '../src/core/time.ts';
import type { BoundDevice } from '../src/device/bound.ts';
import { type DeviceModel, deviceModelSchema } from '../src/device/model.ts';
import { deviceSchema } from '../src/device/site.ts';
import { modbusMeter } from '../src/sim/meter/modbus-meter.ts';
import { registerImage } from '../src/sim/meter/registers.ts';

/** What the simulated meter lays into its registers the driver reads back, in every framing and order: two codecs, one device file. */

const NOW = parseUtc('2026-07-01T08:16:02Z');
const FRAMINGS = ['modbus-rtu', 'modbus-ascii', 'modbus-tcp'] as const;
/** Thousandths of a cubic metre. */
const indexAt = (at: UtcMs): Decimal => decimal(BigInt(Math.floor(at / 1000)), -3);

const ends = fc.constantFrom('high-first' as const, 'low-first' as const);
const scenario = fc.record({
  framing: fc.constantFrom(...FRAMINGS),
  words: ends,
  bytes: ends,
  type: fc.constantFrom('u48' as const, 'u64' as const, 's64' as const, 'bcd48' as const, 'bcd64' as const),
  tariffs: fc.constantFrom(1, 2),
  raised: fc.subarray(['alarm', 'low-battery', 'power-failed'] as const),
  hoursBack: fc.nat(90),
});

function modelOf(order: { words: string; bytes: string }, type: string, tariffs: number): DeviceModel {
  const volume = { quantity: 'volume.base.total', unit: 'm3', kind: 'counter' };
  const whole = { table: 'holding', address: 40, type: 'u32', ...order, residual: { type: 'u16', factor: '0.001' } };
  return deviceModelSchema.parse({
    maker: 'test',
    model: 'round trip',
    medium: 'gas',
    protocol: 'modbus',
    hardwareTested: false,
    source: 'made by hand',
    readings: [
      { ...volume, modbus: { table: 'input', address: 10, type, ...order, tariffs, factor: '0.001' } },
      { quantity: 'volume.base', unit: 'm3', kind: 'counter', modbus: whole },
    ],
    flags: [
      { flag: 'alarm', modbus: { table: 'coil', address: 3 } },
      { flag: 'low-battery', modbus: { table: 'discrete', address: 9 } },
      { flag: 'power-failed', modbus: { table: 'input', address: 30, bit: 11 } },
    ],
    archive: {
      pattern: 'selector',
      select: { address: 600, function: 16, newest: 0xffff },
      window: { table: 'holding', address: 610, registers: 12 },
      older: { offset: 0 },
      records: 100,
      usable: { offset: 1, is: [0] },
      stamp: { offset: 2, type: 'local-bcd3', ...order },
      values: [{ quantity: 'volume.base.total', unit: 'm3', offset: 6, type: 'u64', ...order, factor: '0.001' }],
    },
    tests: [{ name: 'none', source: 'none', now: 'none', expect: [{ quantity: 'pressure', value: '0', unit: 'bar' }] }],
  });
}

test('values, flags and archive', () => {
  fc.assert(
    fc.property(scenario, ({ framing, words, bytes, type, tariffs, raised, hoursBack }) => {
      const model = modelOf({ words, bytes }, type, tariffs);
      const config = deviceSchema.parse({ id: 'meter', model: 'test/round-trip', line: 'line', address: 7 });
      const image = registerImage({
        model,
        placement: config,
        zone: 'Europe/Prague',
        serial: '1',
        shown: (_, at) => ({ value: indexAt(at), unit: 'm3' }),
        raised: () => raised,
        periodMinutes: 60,
      });
      const meter = modbusMeter({ unit: 7, framing, image });
      const device: BoundDevice = { config, model, framing, zone: 'Europe/Prague' };
      const read = (request: ReadRequest) => readFrom(device, request, (frame) => meter(frame, NOW));

      const { values, unusable } = read({ want: 'current', now: NOW });
      expect(unusable).toEqual([]);
      expect(values).toHaveLength(2);
      for (const { value, flags } of values) {
        expect(equal(value, indexAt(NOW))).toBe(true);
        expect([...flags].sort()).toEqual([...raised].sort());
      }

      const to = NOW - (NOW % HOUR_MS) - hoursBack * HOUR_MS;
      const stored = read({ want: 'archive', now: NOW, from: to - 2 * HOUR_MS, to }).values;
      expect(stored.map(({ storedAt }) => storedAt)).toEqual([to, to - HOUR_MS, to - 2 * HOUR_MS]);
      for (const { value, storedAt } of stored) expect(equal(value, indexAt(storedAt!))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

function readFrom(
  device: BoundDevice,
  request: ReadRequest,
  meter: (frame: Uint8Array) => Uint8Array | undefined,
): ReadResult {
  const session = createModbusDriver().session(device, request);
  let step: Step = session.start();
  for (let turn = 0; turn < 200 && step.kind === 'send'; turn++) {
    const answer = meter(step.bytes);
    step = answer ? session.received(answer) : session.silent();
  }
  if (step.kind === 'read') return step.result;
  throw new Error(JSON.stringify(step));
}
