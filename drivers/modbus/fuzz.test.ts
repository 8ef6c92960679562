import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Step } from '../../src/core/driver.ts';
import { createModbusDriver } from './index.ts';
import { isGoodSerial, modbusDevice, RegisterMeter } from './meter.testkit.ts';

/** Random and mutated answers: every dialogue ends, none throws, and no value comes from anything but the right answer. */

const RUNS = 20_000;

const MODEL = {
  readings: [
    { quantity: 'volume.base', unit: 'm3', kind: 'counter', modbus: { table: 'holding', address: 7, type: 'u32' } },
  ],
};
const meter = new RegisterMeter(17);
meter.write('holding', 7, [0x1234, 0x5678]);

type Mutation = (answer: Uint8Array, request: Uint8Array) => Uint8Array;
const at = (fraction: number, length: number): number => Math.min(length - 1, Math.floor(fraction * length));
const share = fc.double({ min: 0, max: 1, noNaN: true });

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }).map(
    (bytes): Mutation =>
      () =>
        bytes,
  ),
  fc.tuple(share, fc.integer({ min: 1, max: 255 })).map(
    ([place, bits]): Mutation =>
      (answer) =>
        answer.with(at(place, answer.length), answer[at(place, answer.length)]! ^ bits),
  ),
  share.map(
    (place): Mutation =>
      (answer) =>
        answer.slice(0, at(place, answer.length)),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map(
    (tail): Mutation =>
      (answer) =>
        Uint8Array.of(...answer, ...tail),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 20 }).map(
    (head): Mutation =>
      (answer) =>
        Uint8Array.of(...head, ...answer),
  ),
  fc.constant<Mutation>((answer) => Uint8Array.of(...answer, ...answer)),
  fc.constant<Mutation>((_answer, request) => request),
  fc.constant<Mutation>((answer) => answer),
);
const cuts = fc.array(share, { maxLength: 4 });

type ModbusFraming = 'modbus-rtu' | 'modbus-ascii' | 'modbus-tcp';

/** On a serial line only the answer itself, or what its checksum cannot tell from one. TCP has none: all but the data must be right. */
function couldBeRight(bytes: Uint8Array, good: Uint8Array, framing: ModbusFraming): boolean {
  const checked = framing === 'modbus-tcp' ? 9 : good.length;
  const same = bytes.length === good.length && bytes.subarray(0, checked).every((byte, index) => byte === good[index]);
  return same || (framing !== 'modbus-tcp' && isGoodSerial(bytes, framing));
}

test.each(['modbus-rtu', 'modbus-ascii', 'modbus-tcp'] as const)('%s', (framing) => {
  const device = modbusDevice(MODEL, { address: 17 }, framing);
  const driver = createModbusDriver();
  const ends = { read: 0, missed: 0 };
  fc.assert(
    fc.property(mutation, cuts, (mutate, pieces) => {
      const session = driver.session(device, { want: 'current', now: 0 });
      const asked = session.start();
      if (asked.kind !== 'send') throw new Error('a dialogue begins with a request');
      const good = meter.answer(asked.bytes, framing);
      const bytes = mutate(good, asked.bytes);
      const edges = [...pieces.map((place) => Math.floor(place * bytes.length)).sort((a, b) => a - b), bytes.length];
      let step: Step = asked;
      let given = 0;
      for (const edge of edges) {
        if (step.kind === 'read' || step.kind === 'missed') break;
        step = session.received(bytes.subarray(given, edge));
        given = edge;
      }
      if (step.kind === 'wait') step = session.silent();
      if (step.kind !== 'read' && step.kind !== 'missed') throw new Error(`ended with ${step.kind}`);
      ends[step.kind] += 1;
      if (step.kind === 'read') expect(couldBeRight(bytes.subarray(0, given), good, framing)).toBe(true);
    }),
    { numRuns: RUNS },
  );
  expect(ends.read).toBeGreaterThan(RUNS / 50);
  expect(ends.missed).toBeGreaterThan(RUNS / 2);
});
