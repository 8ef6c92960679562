import { expect, test } from 'vitest';
import { parseDecimal } from '../core/decimal.ts';
import type { ReadResult } from '../core/driver.ts';
import { parseUtc } from '../core/time.ts';
import { toyDevice } from './collect.testkit.ts';
import { normalSerial, roundOf } from './readings.ts';

const T = parseUtc('2026-03-28T05:00:00Z');
const index = { quantity: 'energy.active.import', kind: 'counter', unit: 'kWh', flags: [], raw: '00' } as const;
const time = { startedWall: T + 100, endedWall: T + 161 };

function result(more: Partial<ReadResult> = {}): ReadResult {
  const values = [
    { ...index, value: parseDecimal('12.50') },
    { ...index, value: parseDecimal('12.00'), storedAt: T },
  ];
  return { values, identity: {}, unusable: [], ...more };
}

function round(more: Partial<ReadResult> = {}, serial?: string, when = time) {
  const made = roundOf(
    toyDevice({ address: 1, ...(serial === undefined ? {} : { serial }) }),
    result(more),
    when,
    60_000,
  );
  if (!made.ok) throw new Error(made.failure.code);
  return made.round;
}

test('a sampled value stands in the middle of the exchange, half of it uncertain; a stored one where the meter says', () => {
  const [sampled, stored] = round().readings;
  expect(sampled).toMatchObject({ source: 'sampled', at: T + 131, uncertaintyMs: 31, readAt: T + 161, device: 'm1' });
  expect(stored).toMatchObject({ source: 'stored', at: T, uncertaintyMs: 0, readAt: T + 161 });
});

test('a wall clock that steps back in the exchange leaves all of the step uncertain', () => {
  const [sampled] = round({}, undefined, { startedWall: T, endedWall: T - 10_000 }).readings;
  expect(sampled).toMatchObject({ at: T - 5_000, uncertaintyMs: 5_000 });
});

test.each([
  [60_031, []],
  [60_100, ['clock-invalid']],
  [-60_031, []],
  [-60_100, ['clock-invalid']],
])('a meter clock off by %i ms of 60 s allowed and 31 ms uncertain: stored values carry %j', (offset, flags) => {
  const { readings, clockOffsetMs } = round({ clock: T + 131 + offset });
  expect(clockOffsetMs).toBe(offset);
  expect(readings[1]?.flags).toEqual(flags);
  expect(readings[0]?.flags).toEqual([]);
});

// At five seconds past the hour a clock without seconds shows the hour while it is up to 5 s slow or 55 s fast.
test.each([
  ['04:59', []],
  ['05:00', []],
  ['05:01', ['clock-invalid']],
  ['04:58', ['clock-invalid']],
])('a clock without seconds that shows %s at 05:00:05: stored values carry %j', (shown, flags) => {
  const asked = { startedWall: T + 5_000, endedWall: T + 5_100 };
  const clock = parseUtc(`2026-03-28T${shown}:00Z`);
  expect(round({ clock, clockStepMs: 60_000 }, undefined, asked).readings[1]?.flags).toEqual(flags);
});

test('nothing is kept of a meter with another serial', () => {
  const made = roundOf(
    toyDevice({ address: 1, serial: '12345678' }),
    result({ identity: { serial: '12345679' } }),
    time,
    1,
  );
  expect(made).toMatchObject({ ok: false, failure: { code: 'identity-mismatch' } });
});

test('nothing is kept of a meter that should tell its number and does not', () => {
  const device = toyDevice({ address: 1, serial: '12345678' });
  const telling = { ...device, model: { ...device.model, protocol: 'mbus' as const } };
  expect(roundOf(telling, result(), time, 1)).toMatchObject({ ok: false, failure: { code: 'identity-missing' } });
  expect(roundOf(telling, result({ identity: { serial: '12345678' } }), time, 1)).toMatchObject({ ok: true });
  // Neither one that is not to be compared, nor one of which the device file knows no number.
  expect(roundOf({ ...telling, config: toyDevice({ address: 1 }).config }, result(), time, 1).ok).toBe(true);
  expect(roundOf(device, result(), time, 1).ok).toBe(true);
});

test.each([
  ['00032629', '32629'],
  ['0500023e', '0500023E'],
  ['  12 345-678 ', '12345678'],
  ['0000', '0'],
])('serial %j is the same meter as %j', (a, b) => {
  expect(normalSerial(a)).toBe(normalSerial(b));
  expect(round({ identity: { serial: a } }, b).identity).toEqual({ serial: a });
});

test('zeros inside a serial tell meters apart', () => {
  expect(normalSerial('1002')).not.toBe(normalSerial('102'));
});
