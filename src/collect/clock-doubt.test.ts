import { expect, test } from 'vitest';
import { decimal } from '../core/decimal.ts';
import { failure } from '../core/failure.ts';
import type { Reading } from '../core/reading.ts';
import { isoUtc, MINUTE_MS, parseUtc, type UtcMs } from '../core/time.ts';
import { doubted, NO_DOUBT, seenClock } from './clock-doubt.ts';
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
    const round: Round = { device: 'm1', readings, ...clock, unusable, startedAt: endedAt - 300, endedAt };
    doubt = seenClock(doubt, round, steps, MINUTE_MS);
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
