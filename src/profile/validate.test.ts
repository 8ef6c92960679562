import { describe, expect, it } from 'vitest';
import { decimal, parseDecimal } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { makeInterval } from './interval.ts';
import { boundary, COUNTER, PLAN, reading, START } from './profile.testkit.ts';
import { type DayView, judgeDay, type Limits } from './validate.ts';

const at = (hours: number, minutes = 0) => START + hours * HOUR_MS + minutes * MINUTE_MS;
const LIMITS: Limits = { staleMinutes: 60, estimatedHoursMax: 24, sumTolerance: decimal(0), clockOffMsMax: MINUTE_MS };

/** Hours between frozen indexes. */
function hours(indexes: readonly string[], from = 0): Interval[] {
  return indexes.slice(1).map((index, n) => {
    const span = { start: at(from + n), end: at(from + n + 1) };
    const edge = { counter: COUNTER, from: boundary(span.start, indexes[n]!), to: boundary(span.end, index) };
    return makeInterval(PLAN, span, [edge], 0, 1);
  });
}

function judge(intervals: readonly Interval[], changes: Partial<DayView> = {}) {
  const view: DayView = {
    plan: PLAN,
    limits: LIMITS,
    day: { start: intervals[0]!.start, end: intervals.at(-1)!.end },
    intervals,
    earlier: [],
    counters: new Map(),
    conflicts: [],
    activity: [],
    disturbed: [],
    ...changes,
  };
  return [...judgeDay(view)].map(([start, codes]) => [(start - START) / HOUR_MS, ...codes]);
}

const samples = (...readings: Reading[]) => ({ counters: new Map([['volume.base.total' as const, readings]]) });

describe('rules of the day', () => {
  it('find nothing in a sound day', () => {
    expect(judge(hours(['10', '11', '12', '13']))).toEqual([]);
  });

  it('a contradicted instant touches the intervals on both sides', () => {
    const conflicts = [reading(at(1), '99')];
    expect(judge(hours(['10', '11', '12', '13']), { conflicts })).toEqual([
      [0, 'contradicted'],
      [1, 'contradicted'],
    ]);
    expect(judge(hours(['10', '11', '12']), { conflicts: [reading(at(1, 5), '99')] })).toEqual([]);
  });

  describe('a step of our own clock', () => {
    const stepped = samples(
      reading(at(1, 50), '11', 'sampled'),
      reading(at(2, 20), '12', 'sampled', ['wall-stepped']),
      reading(at(2, 21), '12', 'sampled'),
    );
    const sampledDay = hours(['10', '11', '12', '13', '14']).map(
      (one): Interval => ({
        ...one,
        origins: one.origins.map((origin) => ({ ...origin, to: { ...origin.to, source: 'interpolated' } })),
      }),
    );

    it('is told of every interval that it reaches into', () => {
      expect(judge(sampledDay, stepped)).toEqual([
        [1, 'wall-stepped'],
        [2, 'wall-stepped'],
      ]);
    });

    it('is the reason of one that is missing, and no matter of one between frozen indexes', () => {
      const [first, second, ...rest] = hours(['10', '11', '12', '13', '14']);
      const missing: Interval = { ...second!, quality: 'missing', origins: [] };
      expect(judge([first!, missing, ...rest], stepped)).toEqual([[1, 'wall-stepped']]);
    });
  });

  describe('archive against samples', () => {
    const sampled = (hour: number, minutes: number, value: string) => reading(at(hour, minutes), value, 'sampled');
    const day = hours(['10', '11', '20']);

    it.each([
      ['between them', '10.9', '11.1', false],
      ['below the one before', '12.5', '13', true],
      ['above the one after', '10', '10', true],
      ['one step of the coarser index apart', '11.999', '12.1', false],
      ['a whole step apart', '12.0', '12.1', true],
    ])('%s', (_, before, after, differs) => {
      const found = judge(day, samples(sampled(0, 50, before), sampled(1, 10, after)));
      expect(found).toEqual(differs ? [[0, 'archive-differs']] : []);
    });

    it('does not believe samples nearer than the clocks may be apart, nor across a rollover', () => {
      expect(judge(day, samples(reading(at(1) - 59_000, '12.5', 'sampled')))).toEqual([]);
      // 200 ms of a sample's own uncertainty come on top.
      expect(judge(day, samples(reading(at(1) - 60_199, '12.5', 'sampled')))).toEqual([]);
      expect(judge(day, samples(reading(at(1) - 60_200, '12.5', 'sampled')))).toEqual([[0, 'archive-differs']]);
      expect(judge(day, samples(reading(at(1) + 60_199, '10', 'sampled')))).toEqual([]);
      expect(judge(day, samples(reading(at(1) + 60_200, '10', 'sampled')))).toEqual([[0, 'archive-differs']]);
      expect(judge(day, samples(sampled(0, 50, '99999'), sampled(1, 10, '12')))).toEqual([]);
    });
  });

  it('a run without use is told from where it is longer than stated, also over midnight', () => {
    const earlier = hours(['10', '11', '11'], -2);
    const limits = { ...LIMITS, zeroRunHours: 2 };
    expect(judge(hours(['11', '11', '11', '11', '12']), { earlier, limits })).toEqual([
      [1, 'zero-run'],
      [2, 'zero-run'],
    ]);
    expect(judge(hours(['11', '11', '11', '11', '12']), { earlier })).toEqual([]);
    expect(judge(hours(['11', '11', '11', '11', '12']), { earlier, limits, mayRest: true })).toEqual([]);
  });

  it('a run of just the stated length is not told, and begins with the first interval that is known', () => {
    const limits = { ...LIMITS, zeroRunHours: 3, estimatedHoursMax: 3 };
    expect(judge(hours(['11', '11', '11', '11', '12']), { limits })).toEqual([]);
    expect(judge(hours(['11', '11', '11', '11', '11']), { limits })).toEqual([[3, 'zero-run']]);
    const guessed = (count: number) =>
      hours(['10', '11', '12', '13', '14', '15'])
        .slice(0, count)
        .map((one): Interval => ({ ...one, quality: 'estimated' }));
    expect(judge(guessed(3), { limits })).toEqual([]);
    expect(judge(guessed(4), { limits })).toEqual([[3, 'estimated-too-long']]);
  });

  it('a run is broken by a hole', () => {
    const earlier = hours(['11', '11'], -3);
    expect(judge(hours(['11', '11', '11']), { earlier, limits: { ...LIMITS, zeroRunHours: 2 } })).toEqual([]);
  });

  it('estimates that go on are told', () => {
    const day = hours(['10', '11', '12', '13']).map((one): Interval => ({ ...one, quality: 'estimated' }));
    expect(judge(day, { limits: { ...LIMITS, estimatedHoursMax: 2 } })).toEqual([[2, 'estimated-too-long']]);
  });

  describe('an index that stands still', () => {
    const flow = (hour: number, minutes: number, value: string): Reading => ({
      ...reading(at(hour, minutes), value, 'sampled'),
      quantity: 'flow.base',
      kind: 'instantaneous',
      unit: 'm3/h',
    });
    const day = hours(['10', '10', '11']);
    const shown = samples(reading(at(0), '10'), reading(at(1), '10'), reading(at(2), '11'));
    const moving = [flow(0, 10, '5'), flow(0, 50, '6')];

    it('is stale while flow is shown that would have moved it', () => {
      expect(judge(day, { ...shown, activity: moving })).toEqual([[0, 'stale']]);
    });

    it('is stale whatever the transformer ratio is: power and index are of the same meter', () => {
      const plan = { ...PLAN, multipliers: [{ from: 0, value: decimal(80) }] };
      expect(judge(day.slice(0, 1), { ...shown, plan, activity: moving })).toEqual([[0, 'stale']]);
    });

    it.each([
      ['no flow', [flow(0, 10, '5'), flow(0, 50, '0')]],
      ['too little flow for the last digit', [flow(0, 10, '1.9')]],
      ['nothing shown', [flow(1, 10, '5')]],
    ])('is not with %s', (_, activity) => {
      expect(judge(day, { ...shown, activity })).toEqual([]);
    });
  });

  it('disturbed volume that grows is told of the intervals it may belong to', () => {
    const disturbed = ['5', '5', '6', '6'].map((value, n) => reading(at(n), value, 'sampled'));
    expect(judge(hours(['10', '11', '12', '13']), { disturbed })).toEqual([[1, 'disturbed-growth']]);
    expect(judge(hours(['10', '11', '12', '13']), { disturbed: [disturbed[0]!, disturbed[3]!] })).toEqual([
      [0, 'disturbed-growth'],
      [1, 'disturbed-growth'],
      [2, 'disturbed-growth'],
    ]);
  });

  describe('the sum', () => {
    const day = hours(['10', '11', '12', '13']);
    const changed = (value: string) =>
      day.map((one, n): Interval => (n === 1 ? { ...one, value: parseDecimal(value), quality: 'substituted' } : one));

    it('is held against the index difference to the last digit, and told on the last interval', () => {
      expect(judge(changed('1.001'))).toEqual([[2, 'day-sum-differs']]);
      expect(judge(changed('0.999'))).toEqual([[2, 'day-sum-differs']]);
      expect(judge(changed('1.000'))).toEqual([]);
    });

    it('may miss by what is stated', () => {
      const limits = { ...LIMITS, sumTolerance: parseDecimal('0.01') };
      expect(judge(changed('1.01'), { limits })).toEqual([]);
      expect(judge(changed('1.011'), { limits })).toEqual([[2, 'day-sum-differs']]);
    });

    it('is taken times the multiplier, and not at all when that changed', () => {
      expect(judge(day, { plan: { ...PLAN, multipliers: [{ from: 0, value: decimal(2) }] } })).toEqual([
        [2, 'day-sum-differs'],
      ]);
      const plan = {
        ...PLAN,
        multipliers: [
          { from: 0, value: decimal(1) },
          { from: at(1), value: decimal(2) },
        ],
      };
      expect(judge(day, { plan })).toEqual([]);
    });

    it('says nothing while a value is missing', () => {
      const { value, ...without } = day[1]!;
      expect(value).toBeDefined();
      expect(judge([day[0]!, { ...without, quality: 'missing' }, day[2]!])).toEqual([]);
    });
  });
});
