import { describe, expect, test } from 'vitest';
import { decimal } from '../core/decimal.ts';
import { failure } from '../core/failure.ts';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, parseUtc, type UtcMs } from '../core/time.ts';
import { type ClockDoubt, doubted, doubtFrom, NO_DOUBT, seenClock, toRemember } from './clock-doubt.ts';
import type { Round } from './round.ts';

const at = (time: string): UtcMs => parseUtc(`2026-11-21T${time}Z`);

function frozen(time: string, source: Reading['source'] = 'stored'): Reading {
  return {
    device: 'm1',
    quantity: 'volume.base.total',
    kind: 'counter',
    value: decimal(1),
    unit: 'm3',
    at: at(time),
    source,
    uncertaintyMs: 0,
    readAt: at(time),
    flags: [],
    raw: '',
  };
}

interface Seen {
  readonly read: string;
  /** Minutes that the meter's clock is ahead; so far that it is refused; nothing where the dialogue did not ask. */
  readonly off?: number | 'refused';
  readonly steps?: number;
  /** What stands in the meter's archive then. */
  readonly archive?: readonly string[];
}

/** Which stamps of each round are not believed. */
function notBelieved(rounds: readonly Seen[]): string[][] {
  let doubt = NO_DOUBT;
  return rounds.map(({ read, off, steps = 0, archive = [] }) => {
    const endedAt = at(read);
    const clock = typeof off === 'number' ? { clockOffsetMs: off * MINUTE_MS } : {};
    const unusable = off === 'refused' ? [failure('clock-not-credible', 'more than an hour in the future')] : [];
    const readings = archive.map((time) => frozen(time));
    const round: Round = {
      device: 'm1',
      readings,
      ...clock,
      unusable,
      startedAt: endedAt - 300,
      endedAt,
      wallSteps: steps,
    };
    doubt = seenClock(doubt, round, MINUTE_MS);
    return doubted(doubt, readings)
      .filter(({ flags }) => flags.includes('clock-invalid'))
      .map((reading) => isoUtc(reading.at).slice(11, 16));
  });
}

const ARCHIVE = [
  '11:00:00',
  '11:15:00',
  '11:30:00',
  '11:45:00',
  '12:00:00',
  '12:15:00',
  '12:30:00',
  '12:45:00',
  '13:00:00',
];
const BEHIND: readonly Seen[] = [
  { read: '12:00:01', off: 0 },
  { read: '12:15:01', off: -35 },
  { read: '12:30:01', off: -35 },
];

test('of a clock that was behind and is put right, nothing from what it showed twice to what it skipped is believed', () => {
  const rounds = [...BEHIND, { read: '13:00:01', off: 0, archive: ARCHIVE }];
  expect(notBelieved(rounds).at(-1)).toEqual(['11:30', '11:45', '12:00', '12:15', '12:30', '12:45']);
});

test('nor is it an hour later, when the archive is asked again; what was frozen since is', () => {
  const rounds = [...BEHIND, { read: '13:00:01', off: 0 }, { read: '13:50:00', archive: [...ARCHIVE, '13:45:00'] }];
  expect(notBelieved(rounds).at(-1)).toEqual(['11:30', '11:45', '12:00', '12:15', '12:30', '12:45']);
});

test.each([20, 'refused'] as const)(
  'of a clock that was ahead (%s), what it froze in the meantime is not believed',
  (off) => {
    const rounds = [
      { read: '12:00:01', off: 0 },
      { read: '12:15:01', off },
      { read: '12:50:01', off: 0, archive: ARCHIVE },
    ];
    expect(notBelieved(rounds).at(-1)).toEqual(['12:15', '12:30', '12:45']);
  },
);

test('a stamp that is refused of a meter that tells no clock says nothing of the next ones', () => {
  const rounds = [
    { read: '12:00:01', off: 'refused' },
    { read: '12:50:01', archive: ARCHIVE },
  ] as const;
  expect(notBelieved(rounds).at(-1)).toEqual([]);
});

test('a program that starts while the clock is off knows of no time before', () => {
  const rounds = [
    { read: '12:25:01', off: 20 },
    { read: '12:50:01', off: 0, archive: ARCHIVE },
  ];
  expect(notBelieved(rounds).at(-1)).toEqual(['12:30', '12:45']);
});

test.each([
  ['before it seemed off', [0, 1, 1, 1]],
  ['when it seemed right again', [0, 0, 0, 1]],
])('where the wall was set %s, the wall was wrong and not the meter', (_when, steps) => {
  const rounds = [...BEHIND, { read: '13:00:01', off: 0, archive: ARCHIVE }].map((round, n) => ({
    ...round,
    steps: steps[n]!,
  }));
  expect(notBelieved(rounds).at(-1)).toEqual([]);
});

test('a sample is stamped by our own clock and stays as it is', () => {
  const doubt = { spans: [{ start: at('12:00:00'), end: at('13:00:00') }] };
  const readings = [frozen('12:15:00'), frozen('12:15:00', 'sampled'), frozen('13:00:00')];
  expect(doubted(doubt, readings).map(({ flags }) => flags)).toEqual([['clock-invalid'], [], []]);
});

describe('over a restart', () => {
  const round = (read: string, off?: number, wallSteps = 0): Round => ({
    device: 'm1',
    readings: [],
    ...(off !== undefined && { clockOffsetMs: off * MINUTE_MS }),
    unusable: [],
    startedAt: at(read),
    endedAt: at(read),
    wallSteps,
  });
  const see = (doubt: ClockDoubt, ...rounds: Round[]) =>
    rounds.reduce((before, one) => seenClock(before, one, MINUTE_MS), doubt);
  const again = (doubt: ClockDoubt) => doubtFrom(toRemember(doubt, undefined) ?? NO_DOUBT);

  test('a clock that was off is doubted until it is seen right, wherever the program ended', () => {
    const expected = [{ start: at('11:25:00'), end: at('12:59:00') }];
    const off = see(NO_DOUBT, round('12:00:00', 0), round('12:15:00', -35));
    expect(see(again(off), round('13:00:00', 0)).spans).toEqual(expected);
    expect(see(again(off), round('12:30:00', -35), round('13:00:00', 0)).spans).toEqual(expected);
    expect(again(see(off, round('13:00:00', 0))).spans).toEqual(expected);
  });

  test('a clock that went off while the program was not there is doubted from when it was seen right', () => {
    const right = again(see(NO_DOUBT, round('12:00:00', 0)));
    expect(see(right, round('12:30:00', 20), round('13:00:00', 0)).spans).toEqual([
      { start: at('12:00:00'), end: at('12:59:00') },
    ]);
  });

  test('a wall that was wrong at the start says nothing against the meter', () => {
    const right = again(see(NO_DOUBT, round('12:00:00', 0)));
    expect(see(right, round('12:30:00', 20, 0), round('13:00:00', 0, 1)).spans).toEqual([]);
  });

  test('a clock that is right is written down once an hour, one that changes at once', () => {
    const right = see(NO_DOUBT, round('12:00:00', 0));
    const kept = toRemember(right, undefined);
    expect(kept).toEqual({ rightAt: at('12:00:00'), spans: [] });
    expect(toRemember(see(right, round('12:59:00', 0)), kept)).toBeUndefined();
    expect(toRemember(see(right, round('13:00:00', 0)), kept)).toMatchObject({ rightAt: at('13:00:00') });
    expect(toRemember(see(right, round('12:01:00', 5)), kept)).toMatchObject({ off: { at: at('12:00:00') } });
    expect(toRemember(NO_DOUBT, undefined)).toBeUndefined();
  });

  test('of a clock that is wrong again and again nothing is forgotten for weeks, only joined', () => {
    const days = Array.from({ length: 120 }, (_, day) => at('12:00:00') + day * 24 * HOUR_MS);
    const rounds = days.flatMap((noon) =>
      [0, 5, 0].map((off, n) => ({
        ...round('12:00:00', off),
        startedAt: noon + n * HOUR_MS,
        endedAt: noon + n * HOUR_MS,
      })),
    );
    const { spans } = see(NO_DOUBT, ...rounds);
    expect(spans.length).toBe(32);
    const young = days.slice(-45);
    for (const noon of young) expect(spans.some(({ start, end }) => start <= noon && noon + HOUR_MS < end)).toBe(true);
    expect(Math.min(...spans.map(({ end }) => end))).toBeGreaterThan(days.at(-1)! - 46 * 24 * HOUR_MS);
  });
});
