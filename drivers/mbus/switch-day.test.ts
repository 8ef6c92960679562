import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { localTime, type MeterClockMode, meterTimeToUtc, offsetMinutes } from '../../src/core/calendar.ts';
import { decimalText } from '../../src/core/decimal.ts';
import type { ReadResult } from '../../src/core/driver.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, parseUtc, SECOND_MS, type UtcMs } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { hex } from './hex.ts';
import { mbusDriver } from './index.ts';
import { answer, boundDevice, unhex } from './mbus.testkit.ts';

/** Meters sampled over the days on which the clocks change. Each index tells which boundary it was frozen at. */

const ZONE = 'Europe/Prague';
const AUTUMN = { from: parseUtc('2026-10-24T22:00:00Z'), to: parseUtc('2026-10-25T04:00:00Z') };
const SPRING = { from: parseUtc('2026-03-28T23:00:00Z'), to: parseUtc('2026-03-29T03:00:00Z') };
/** The gas day of 25 hours. */
const GAS_DAY = { from: parseUtc('2026-10-24T04:00:00Z'), to: parseUtc('2026-10-25T05:00:00Z') };
const EPOCH = parseUtc('2026-03-01T00:00:00Z');
const QUARTER_MS = 15 * MINUTE_MS;
/** When the collector tries again after a boundary. */
const RETRIES_S = [5, 10, 20, 40, 80, 160, 320, 640];

interface Meter {
  readonly periodMs: number;
  /** 1 is a single value that was frozen last. */
  readonly kept: number;
  readonly mode: MeterClockMode;
  readonly bit: 'never' | 'everywhere' | 'clock-only';
  readonly offMs: number;
  readonly sendsClock: boolean;
  readonly order: 'newest-first' | 'oldest-first';
  /** Nothing is frozen in this span. */
  readonly outage?: { readonly from: UtcMs; readonly to: UtcMs };
}

const METER: Meter = {
  periodMs: HOUR_MS,
  kept: 1,
  mode: 'local',
  bit: 'never',
  offMs: 0,
  sendsClock: false,
  order: 'newest-first',
};

const devices = new Map<string, BoundDevice>();

function deviceOf({ kept, mode, sendsClock }: Meter): BoundDevice {
  const key = `${kept} ${mode} ${sendsClock}`;
  const known = devices.get(key);
  if (known) return known;
  const storageTo = kept > 1 ? { storageTo: kept } : {};
  const reading = {
    quantity: 'volume.base',
    unit: 'm3',
    kind: 'counter',
    mbus: { value: 'volume', storage: 1, ...storageTo },
    stamp: { mbus: { value: 'time-point', storage: 1, ...storageTo } },
  };
  const clock = sendsClock ? { meterClock: { mbus: { value: 'time-point' } } } : {};
  const device = boundDevice([reading], { model: { clock: mode, ...clock } });
  devices.set(key, device);
  return device;
}

/** DIF and DIFE of a 32-bit integer under a storage number. */
function dif(storage: number): number[] {
  return storage < 2 ? [0x04 | (storage << 6)] : [0x84 | ((storage & 1) << 6), storage >> 1];
}

function typeF(at: UtcMs, mode: MeterClockMode, withBit: boolean): number[] {
  const standard = offsetMinutes(parseUtc('2026-01-01T00:00:00Z'), ZONE) * MINUTE_MS;
  const shown = mode === 'local' ? localTime(at, ZONE) : localTime(at + (mode === 'winter' ? standard : 0), 'UTC');
  const isSummer = offsetMinutes(at, ZONE) * MINUTE_MS !== standard;
  const year = shown.year - 2000;
  const hour = shown.hour | (withBit && isSummer ? 0x80 : 0);
  return [shown.minute, hour, shown.day | ((year & 7) << 5), shown.month | ((year >> 3) << 4)];
}

function telegram(meter: Meter, at: UtcMs): Uint8Array {
  const { periodMs, kept, mode, bit, order, outage } = meter;
  const own = at + meter.offMs;
  const frozen: UtcMs[] = [];
  for (let boundary = Math.floor(own / periodMs) * periodMs; frozen.length < kept; boundary -= periodMs) {
    if (!outage || boundary < outage.from || boundary >= outage.to) frozen.push(boundary);
  }
  if (order === 'oldest-first') frozen.reverse();
  const bytes = frozen.flatMap((boundary, n) => {
    const index = (boundary - EPOCH) / QUARTER_MS;
    const stamp = typeF(boundary, mode, bit === 'everywhere');
    return [...dif(n + 1), 0x13, index & 0xff, index >> 8, 0, 0, ...dif(n + 1), 0x6d, ...stamp];
  });
  const clock = meter.sendsClock ? [...dif(0), 0x6d, ...typeF(own, mode, bit !== 'never')] : [];
  return answer(hex(Uint8Array.from([...bytes, ...clock])));
}

function read(meter: Meter, at: UtcMs): ReadResult {
  const session = mbusDriver.session(deviceOf(meter), { want: 'current', now: at });
  session.start();
  session.received(unhex('e5'));
  const end = session.received(telegram(meter, at));
  if (end.kind !== 'read') throw new Error(JSON.stringify(end));
  return end.result;
}

/** The boundaries that the samples brought; throws where an index came under another boundary than its own. */
function boundariesOf(meter: Meter, samples: readonly UtcMs[]): Set<UtcMs> {
  const found = new Set<UtcMs>();
  for (const at of samples) {
    for (const { value, storedAt } of read(meter, at).values) {
      const frozenAt = EPOCH + Number(decimalText(value)) * 1000 * QUARTER_MS;
      if (storedAt === undefined || Math.abs(storedAt - frozenAt) > 1) {
        throw new Error(`read at ${isoUtc(at)}: ${isoUtc(frozenAt)} stamped ${isoUtc(storedAt ?? 0)}`);
      }
      found.add(storedAt);
    }
  }
  return found;
}

function everyMinute({ from, to }: typeof AUTUMN): UtcMs[] {
  return Array.from({ length: (to - from) / MINUTE_MS }, (_, n) => from + n * MINUTE_MS + SECOND_MS * ((7 * n) % 60));
}

function boundaries({ from, to }: typeof AUTUMN, periodMs: number): UtcMs[] {
  return Array.from({ length: (to - from) / periodMs }, (_, n) => from + n * periodMs);
}

function retriesAfter(boundary: UtcMs): UtcMs[] {
  return RETRIES_S.map((seconds) => boundary + seconds * SECOND_MS);
}

/** Right at every minute, and every boundary is there by the last retry. */
function expectWholeDay(meter: Meter, day: typeof AUTUMN): void {
  boundariesOf(meter, everyMinute(day));
  const missing = boundaries(day, meter.periodMs).filter(
    (boundary) => !boundariesOf(meter, retriesAfter(boundary)).has(boundary),
  );
  expect(missing.map(isoUtc)).toEqual([]);
}

const OFF_MS = [0, 30 * SECOND_MS, -30 * SECOND_MS];
const MEMORIES = [
  { name: 'hourly, the last hour only', periodMs: HOUR_MS, kept: 1 },
  { name: 'hourly, a history of three', periodMs: HOUR_MS, kept: 3 },
  { name: 'hourly, a history of twelve', periodMs: HOUR_MS, kept: 12 },
  { name: 'quarter-hourly, the last only', periodMs: QUARTER_MS, kept: 1 },
  { name: 'quarter-hourly, a history of four', periodMs: QUARTER_MS, kept: 4 },
  { name: 'quarter-hourly, a history of twelve', periodMs: QUARTER_MS, kept: 12 },
];

describe.each(MEMORIES)('$name', ({ periodMs, kept }) => {
  const meters = OFF_MS.flatMap((offMs) =>
    [false, true].map((sendsClock): Meter => ({ ...METER, periodMs, kept, offMs, sendsClock })),
  );

  it.each(['never', 'everywhere'] as const)('on the autumn day, the summer bit set %s', (bit) => {
    for (const meter of meters) expectWholeDay({ ...meter, bit }, AUTUMN);
  });

  it.each(['never', 'everywhere'] as const)('on the spring day, the summer bit set %s', (bit) => {
    for (const meter of meters) expectWholeDay({ ...meter, bit }, SPRING);
  });

  it.each(['winter', 'utc'] as const)('a clock on %s time knows no switch', (mode) => {
    for (const day of [AUTUMN, SPRING]) expectWholeDay({ ...METER, periodMs, kept, mode }, day);
  });

  it('the whole gas day of 25 hours', () => expectWholeDay({ ...METER, periodMs, kept, sendsClock: true }, GAS_DAY));

  it('the summer bit in the clock only: never wrong', () => {
    for (const meter of meters) boundariesOf({ ...meter, sendsClock: true, bit: 'clock-only' }, everyMinute(AUTUMN));
  });
});

it('a corrector without history gives the second of the two hours later in that hour', () => {
  const late = parseUtc('2026-10-25T01:00:00Z');
  for (const minutes of [2, 10, 30, 55]) {
    expect([...boundariesOf(METER, [late + minutes * MINUTE_MS])]).toEqual([late]);
  }
  for (const seconds of [-600, -30, 0, 5, 119]) {
    const { values, unusable } = read(METER, late + seconds * SECOND_MS);
    expect(values).toEqual([]);
    expect(unusable.map(({ code }) => code)).toEqual(['clock-not-credible']);
  }
});

it('a corrector that stands still since the doubled hour is not believed, for nobody knows since which', () => {
  const { values, unusable } = read(
    { ...METER, outage: { from: parseUtc('2026-10-25T01:00:00Z'), to: AUTUMN.to } },
    parseUtc('2026-10-25T02:02:00Z'),
  );
  expect(values).toEqual([]);
  expect(unusable.map(({ code }) => code)).toEqual(['clock-not-credible']);
});

it('a clock that is minutes off contradicts ours where it matters', () => {
  for (const offMs of [-20, -5, 5, 20].map((minutes) => minutes * MINUTE_MS)) {
    boundariesOf({ ...METER, offMs, sendsClock: true }, everyMinute(AUTUMN));
  }
});

it('a history is right whatever was not frozen, in either order', () => {
  const minutes = fc.integer({ min: 0, max: 300 });
  const memory = fc.constantFrom(...MEMORIES.filter(({ kept }) => kept === 12));
  const order = fc.constantFrom('newest-first', 'oldest-first');
  const off = fc.constantFrom(...OFF_MS);
  fc.assert(
    fc.property(
      memory,
      order,
      off,
      minutes,
      minutes,
      minutes,
      ({ periodMs, kept }, inOrder, offMs, start, length, since) => {
        const from = parseUtc('2026-10-24T23:00:00Z') + start * MINUTE_MS;
        const outage = { from, to: from + length * MINUTE_MS };
        const meter: Meter = { ...METER, periodMs, kept, offMs, order: inOrder, outage };
        boundariesOf(meter, [outage.to + MINUTE_MS + since * MINUTE_MS + 7_000]);
      },
    ),
    { numRuns: 1_000 },
  );
});

it('a history in the other order is as good', () => {
  for (const memory of MEMORIES.filter(({ kept }) => kept === 12)) {
    expectWholeDay({ ...METER, ...memory, order: 'oldest-first' }, AUTUMN);
  }
});

it('the meter of these tests shows what the calendar reads', () => {
  const at = parseUtc('2026-10-25T01:00:00Z');
  expect(typeF(at, 'local', true)).toEqual(typeF(at - HOUR_MS, 'local', false));
  expect(meterTimeToUtc(localTime(at, ZONE), ZONE, 'local', { near: at })).toBe(at);
});
