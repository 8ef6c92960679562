import { describe, expect, it } from 'vitest';
import { decodeTelegram, mbusDriver } from '../../drivers/mbus/index.ts';
import type { Session } from '../../src/core/driver.ts';
import { seededRandom } from '../../src/sim/random.ts';
import { type MbusUnderTest, mbusFuzz, repaired } from './mbus.ts';

const CASES = 20_000;

it('20,000 M-Bus frames of one seed: no fault, and both verdicts are met', () => {
  const fuzz = mbusFuzz();
  const chance = seededRandom('unit');
  let accepted = 0;
  for (let n = 0; n < CASES; n++) {
    const outcome = fuzz(chance.fork(String(n)));
    expect(outcome.fault, `case ${n}`).toBeUndefined();
    if (outcome.accepted) accepted += 1;
  }
  expect(accepted).toBeGreaterThan(1_000);
  expect(accepted).toBeLessThan(19_000);
});

describe('the judge finds the fault of a decoder or driver that gives values from a frame that should be refused', () => {
  /** What is found first, if anything is. */
  function found(faulty: Partial<MbusUnderTest>): string | undefined {
    const fuzz = mbusFuzz({ decode: decodeTelegram, driver: mbusDriver, ...faulty });
    const chance = seededRandom('faulty');
    for (let n = 0; n < CASES; n++) {
      const { fault } = fuzz(chance.fork(String(n)));
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
  const decoderOf = (change: (bytes: Uint8Array) => Uint8Array): Partial<MbusUnderTest> => ({
    decode: (bytes, decrypt) => decodeTelegram(repaired(change(bytes.slice())), decrypt),
  });
  /** A driver that hears every answer changed, however it comes in pieces. */
  const driverOf = (change: (bytes: Uint8Array) => Uint8Array): Partial<MbusUnderTest> => ({
    driver: {
      ...mbusDriver,
      session(device, request): Session {
        const session = mbusDriver.session(device, request);
        return {
          start: () => session.start(),
          received: (bytes) => session.received(bytes.length > 1 ? change(bytes.slice()) : bytes),
          silent: () => session.silent(),
        };
      },
    },
  });
  const setting = (at: number, value: number) => (bytes: Uint8Array) => {
    if (bytes.length > at) bytes[at] = value;
    return bytes;
  };

  it.each<[string, Partial<MbusUnderTest>, RegExp]>([
    ['checksum and lengths', decoderOf((bytes) => bytes), /lengths or checksum/],
    ['the control field', decoderOf(setting(4, 0x08)), /control field|lengths or checksum/],
    ['encryption', decoderOf(setting(18, 0)), /security mode|lengths or checksum|not what stands/],
    ['the checksum of a dialogue', driverOf(repaired), /refuses/],
    ['the address', driverOf((bytes) => repaired(setting(5, 1)(bytes))), /address|refuses/],
  ])('%s', (_, faulty, told) => {
    expect(found(faulty)).toMatch(told);
  });
});
