import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Step } from '../../src/core/driver.ts';
import { longFrame } from './frame.ts';
import { mbusDriver } from './index.ts';
import { answer, boundDevice, unhex } from './mbus.testkit.ts';
import { decodeTelegram } from './telegram.ts';

/** Telegrams that reach every branch of the decoder; the mutations start from them. */
const SEEDS = [
  answer('0c 13 27 04 85 02 4c 13 00 04 85 02 44 6d 00 26 5c 33 0f aa bb'),
  answer('05 2b 84 00 35 3f 06 fd 0c fc 03 6d 00 2d 00 07 fd 97 00 00 00 00 00 00 00 00 00 1f'),
  answer('02 fc 03 48 52 25 74 d4 11 0d fd 11 05 41 42 43 44 45 8e 90 40 84 00 00 00 00 00 00 00'),
  answer('0b 62 02 00 f0 94 10 da 6f 32 14 7a 18 0d 13 d2 34 12 2f 2f 06 6d 1e 1e 0e 5c 33 00'),
  longFrame(0x08, 1, 0x73, unhex('93 92 91 90 10 00 05 69 31 65 00 00 69 00 00 00')),
];
const CASES = 20_000;

const device = boundDevice([
  { quantity: 'volume.base', unit: 'm3', kind: 'counter', mbus: { value: 'volume' } },
  {
    quantity: 'volume.base',
    unit: 'm3',
    kind: 'counter',
    mbus: { value: 'volume', storage: 1 },
    stamp: { mbus: { value: 'time-point', storage: 1 } },
  },
]);

function checksumFits(bytes: Uint8Array): boolean {
  const inner = bytes.subarray(4, -2);
  return inner.reduce((sum, byte) => (sum + byte) & 0xff, 0) === bytes.at(-2);
}

function outcome(pieces: readonly Uint8Array[]): Step {
  const session = mbusDriver.session(device, { want: 'current', now: 1_774_674_000_000 });
  session.start();
  let step = session.received(unhex('e5'));
  for (const piece of pieces) {
    if (step.kind === 'read' || step.kind === 'missed') return step;
    step = session.received(piece);
  }
  return step.kind === 'wait' || step.kind === 'send' ? session.silent() : step;
}

const mutation = fc.record({
  seed: fc.constantFrom(...SEEDS),
  changes: fc.array(fc.tuple(fc.nat(255), fc.nat(255)), { minLength: 1, maxLength: 4 }),
  cut: fc.option(fc.nat(255), { freq: 4 }),
});

describe('random and mutated frames', () => {
  it('never throw, and give no value under a wrong checksum', () => {
    fc.assert(
      fc.property(mutation, ({ seed, changes, cut }) => {
        const bytes = seed.slice(0, cut ?? seed.length);
        for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
        const decoded = decodeTelegram(bytes);
        if (decoded.ok) expect(checksumFits(bytes)).toBe(true);
        const step = outcome([bytes.subarray(0, 9), bytes.subarray(9)]);
        expect(['read', 'missed']).toContain(step.kind);
        if (step.kind === 'read') expect(decoded.ok).toBe(true);
      }),
      { numRuns: CASES / 2 },
    );
  });

  it('never throw behind a right checksum, and are decoded whole or refused by name', () => {
    const body = fc.uint8Array({ maxLength: 60 });
    const ci = fc.constantFrom(0x70, 0x72, 0x72, 0x72, 0x73, 0x78, 0x7a, 0x76);
    fc.assert(
      fc.property(mutation, body, ci, fc.boolean(), ({ seed, changes }, random, code, mutated) => {
        const data = mutated ? seed.slice(7, -2) : random;
        for (const [at, byte] of changes) if (at < data.length) data[at] = byte;
        const decoded = decodeTelegram(longFrame(0x08, 1, code, data));
        if (decoded.ok) {
          const { records, manufacturerData = '' } = decoded.telegram;
          const told = records.reduce((length, { raw }) => length + raw.length / 2, manufacturerData.length / 2);
          expect(told).toBeLessThanOrEqual(data.length);
        } else expect(decoded.failure.detail).not.toBe('');
      }),
      { numRuns: CASES / 2 },
    );
  });

  it('that are noise alone are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(decodeTelegram(noise).ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });
});
