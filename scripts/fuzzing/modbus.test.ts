import { expect, it } from 'vitest';
import { createModbusDriver, parseRtuAnswer, rtuFrame } from '../../drivers/modbus/index.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { modbusFuzz } from './modbus.ts';

it('20,000 Modbus dialogues of one seed: no fault, and both verdicts are met', () => {
  const fuzz = modbusFuzz();
  const chance = seededRandom('unit');
  let accepted = 0;
  for (let n = 0; n < 20_000; n++) {
    const outcome = fuzz(chance.fork(String(n)));
    expect(outcome.fault, `case ${n}`).toBeUndefined();
    if (outcome.accepted) accepted += 1;
  }
  expect(accepted).toBeGreaterThan(1_000);
  expect(accepted).toBeLessThan(19_000);
});

it('the judge finds a driver that gives values from an answer that should be refused: here any checksum will do', () => {
  const sloppy: typeof createModbusDriver = () => {
    const driver = createModbusDriver();
    return {
      ...driver,
      session(device, request) {
        const session = driver.session(device, request);
        const received = (bytes: Uint8Array) =>
          session.received(device.framing === 'modbus-rtu' ? resealed(bytes) : bytes);
        return { start: () => session.start(), received, silent: () => session.silent() };
      },
    };
  };
  const fuzz = modbusFuzz(sloppy);
  const chance = seededRandom('faulty');
  const faults = Array.from({ length: 5_000 }, (_, n) => fuzz(chance.fork(String(n))).fault);
  expect(faults).toContain('values from a dialogue with an answer that is none');
});

function resealed(bytes: Uint8Array): Uint8Array {
  const isWhole = parseRtuAnswer(bytes).kind === 'frame' || bytes.length < 5;
  return isWhole ? bytes : rtuFrame(bytes[0] ?? 0, bytes.slice(1, -2));
}
