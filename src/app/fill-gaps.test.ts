import { describe, expect, it } from 'vitest';
import { add, decimal, decimalText, parseDecimal, ZERO } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { Reading } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, type Span, type UtcMs } from '../core/time.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, told } from './app.testkit.ts';
import { createProfiler } from './profiler.ts';
import { substitute } from './substitute.ts';

const FIRST = gasDay('2026-06-10');
const SECOND = gasDay('2026-06-11');
const BOTH: Span = { start: FIRST.start, end: SECOND.end };
const WEEK_MS = 168 * HOUR_MS;
const site = aSite();
const counter = { device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores: false } as const;
const point = aPoint(aPlan({ counters: [counter] }), {
  estimation: { linearMinutesMax: 1440, scaled: false, likeDay: true },
});

/** Indexes at the full hours, by the number of the hour. */
function edgesOf({ start, end }: Span, litresAnHour: number, litres: number): Reading[] {
  const hours = [...cut({ start, end }, 60).map((span) => span.start), end];
  return hours.map((at, n) => aReading(at, decimal(litres + litresAnHour * n, -3), { source: 'sampled' }));
}

/** Two days of 1.5 m3 an hour, finished with a gap from 20 to 4 o'clock between them, after a like pair of days of 1 m3 an hour. */
async function estimatedOverNight() {
  const made = await bench(SECOND.end + 26 * HOUR_MS);
  const { buffer, clock } = made;
  const profiler = createProfiler({ site, points: [point], buffer, clock });
  await buffer.keepRound(edgesOf({ start: BOTH.start - WEEK_MS, end: BOTH.end - WEEK_MS }, 1_000, 900_000));
  // And the index of a day later, which is read on.
  const sampled = edgesOf({ start: BOTH.start, end: BOTH.end + 25 * HOUR_MS }, 1_500, 1_000_000);
  for (const reading of sampled.filter((_, n) => n <= 20 || n >= 28)) await buffer.keepRound([reading]);
  await profiler.follow();
  const finish = async () => {
    for (const day of [FIRST, SECOND]) await profiler.finish(point, day);
    return buffer.intervals(GAS, 'volume', BOTH);
  };
  /** A full disk gives up the oldest samples. */
  const giveUpBefore = async (olderThan: UtcMs) => {
    const { records } = await buffer.trim('samples', { olderThan, now: clock.now(), entriesMax: 1_000 });
    expect(records).toBeGreaterThan(0);
  };
  return { ...made, profiler, before: await finish(), finish, giveUpBefore };
}

const sum = (intervals: readonly Interval[]) =>
  decimalText(intervals.reduce((total, { value }) => add(total, value ?? ZERO), ZERO));
const estimates = (intervals: readonly Interval[]) => intervals.filter(({ quality }) => quality === 'estimated');

describe('an estimate whose samples were given up', () => {
  it.each([
    ['of the first day, but for its end', FIRST.end - HOUR_MS],
    ['of both days', SECOND.end],
  ])('keeps the index difference when its days are finished again: samples %s', async (_, olderThan) => {
    const { before, finish, giveUpBefore } = await estimatedOverNight();
    expect([estimates(before).length, sum(before)]).toEqual([8, '72.000']);
    await giveUpBefore(olderThan);
    expect(await finish()).toEqual(before);
  });

  it('takes a better index at its end all the same, and still adds up', async () => {
    const { buffer, profiler, finish, giveUpBefore } = await estimatedOverNight();
    await giveUpBefore(SECOND.start + 3 * HOUR_MS);
    // The archive says what it was between the samples, and one index in the middle of the gap.
    await buffer.keepRound([aReading(SECOND.start + 4 * HOUR_MS, '1042.100'), aReading(SECOND.start, '1041.000')]);
    await profiler.follow();
    const after = await finish();
    expect(sum(after)).toBe('72.000');
    expect(sum(after.slice(20, 24))).toBe('11.000');
    expect(sum(after.slice(24, 28))).toBe('1.100');
    expect(new Set(estimates(after).map(({ findings }) => findings.join()))).toEqual(
      new Set(['no-reading,estimated-linear']),
    );
  });

  it('keeps its share beside what a person entered into the gap', async () => {
    const { buffer, clock, before, finish, giveUpBefore } = await estimatedOverNight();
    const span = { start: FIRST.start + 22 * HOUR_MS, end: FIRST.start + 23 * HOUR_MS };
    await substitute(
      { site, points: [point], buffer, heatOn: () => undefined, now: clock.now(), installedAt: 0 },
      { point: GAS, channel: 'volume', span, values: parseDecimal('3'), reason: 'seen on the meter', by: 'J. Novák' },
    );
    await giveUpBefore(SECOND.end);
    const after = await finish();
    const others = (intervals: readonly Interval[]) => intervals.filter(({ start }) => start !== span.start).map(told);
    expect(others(after)).toEqual(others(before));
  });

  it('is first made of what the intervals beside it hold', async () => {
    const { buffer, clock } = await bench(FIRST.end + 26 * HOUR_MS);
    const profiler = createProfiler({ site, points: [point], buffer, clock });
    await buffer.keepRound(edgesOf({ start: FIRST.start - WEEK_MS, end: FIRST.end - WEEK_MS }, 1_000, 900_000));
    const sampled = edgesOf(FIRST, 1_500, 1_000_000).filter((_, n) => n <= 8 || n >= 12);
    for (const reading of sampled) await buffer.keepRound([reading]);
    await profiler.follow();
    await buffer.trim('samples', { olderThan: FIRST.end, now: clock.now(), entriesMax: 1_000 });
    await profiler.finish(point, FIRST);
    const intervals = await buffer.intervals(GAS, 'volume', FIRST);
    expect([estimates(intervals).length, sum(intervals)]).toEqual([4, '36.000']);
  });
});

describe('a like day', () => {
  it('that was taken while the gap went on gives way to an index difference that no rule may divide', async () => {
    const { buffer, clock } = await bench(SECOND.end + 26 * HOUR_MS);
    const onlyLike = { ...point, estimation: { linearMinutesMax: 60, scaled: false, likeDay: true } };
    const profiler = createProfiler({ site, points: [onlyLike], buffer, clock });
    await buffer.keepRound(edgesOf({ start: FIRST.start - WEEK_MS, end: FIRST.end - WEEK_MS }, 1_000, 900_000));
    const sampled = edgesOf(FIRST, 1_500, 1_000_000);
    await buffer.keepRound(sampled.slice(0, 21));
    await profiler.follow();
    await profiler.finish(onlyLike, FIRST);
    const fourHours = async () => (await buffer.intervals(GAS, 'volume', FIRST)).slice(20).map(told);
    expect(new Set((await fourHours()).map(({ findings }) => findings))).toEqual(
      new Set(['no-reading,estimated-like-day']),
    );
    // Six cubic metres passed, and a like day says four: who divides them is a person.
    await buffer.keepRound(sampled.slice(24));
    await profiler.follow();
    expect(new Set((await fourHours()).map(({ quality, findings }) => `${quality} ${findings}`))).toEqual(
      new Set(['missing no-reading']),
    );
  });
});

describe('a gap of an operating volume', () => {
  const operating = { ...counter, quantity: 'volume.operating.total' } as const;
  const plan = aPlan({ counters: [operating], conversion: { method: 'fixed', ratio: decimal(1) } });
  // Four times the base pressure at its temperature: 1 m3 is 4 m3.
  const fixedState = { pressureKPa: parseDecimal('405.3'), temperatureC: parseDecimal('15') };
  const estimation = { linearMinutesMax: 300, scaled: true, likeDay: true };

  async function fourHours(litresAnHour: number, state: typeof fixedState | object) {
    const { buffer, clock } = await bench(FIRST.end + 26 * HOUR_MS);
    const converted = aPoint(plan, { estimation, fixedState: state });
    const profiler = createProfiler({ site, points: [converted], buffer, clock });
    const like = edgesOf({ start: FIRST.start - WEEK_MS, end: FIRST.end - WEEK_MS }, 1_000, 900_000);
    const edges = edgesOf(FIRST, litresAnHour, 1_000_000).filter((_, n) => n <= 8 || n >= 12);
    await buffer.keepRound([...like, ...edges].map((reading) => ({ ...reading, quantity: operating.quantity })));
    await profiler.follow();
    await profiler.finish(converted, { start: FIRST.start - WEEK_MS, end: FIRST.end - WEEK_MS });
    await profiler.finish(converted, FIRST);
    const made = (await buffer.intervals(GAS, 'volume', FIRST)).slice(8, 12);
    return made.map((one) => ({ ...told(one), conversion: one.conversion }));
  }

  it.each([
    ['stood still', 0, '0.000'],
    ['moved', 1_500, '6.000'],
  ])('over which the index %s is divided by it, not filled like another day', async (_, litresAnHour, value) => {
    const filled = await fourHours(litresAnHour, fixedState);
    expect(filled.map((one) => [one.value, one.quality, one.findings])).toEqual(
      Array(4).fill([value, 'estimated', 'no-reading,estimated-linear']),
    );
    for (const { conversion } of filled) expect(conversion).toMatchObject({ ...fixedState, pressureReadings: 0 });
  });

  it('is for a person where the state of the gas is not fixed: the index is known, what it comes to is not', async () => {
    const open = await fourHours(0, {});
    expect(open.map((one) => [one.value, one.quality, one.findings])).toEqual(
      Array(4).fill([undefined, 'missing', 'no-reading,no-conversion']),
    );
  });
});

it('an estimate takes on a reason that is learnt of afterwards', async () => {
  const { buffer, profiler, finish } = await estimatedOverNight();
  const at = FIRST.start + 22 * HOUR_MS;
  await buffer.keepRound([aReading(at, '1033.000', { flags: ['clock-invalid'] })]);
  await profiler.follow();
  const found = (await finish()).slice(20, 24).map(({ quality, findings }) => `${quality} ${findings.join()}`);
  const [beside, known] = ['estimated-linear', 'clock-not-credible,estimated-linear'];
  expect(found).toEqual([beside, known, known, beside].map((codes) => `estimated no-reading,${codes}`));
});
