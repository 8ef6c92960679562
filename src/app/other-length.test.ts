import { describe, expect, it } from 'vitest';
import { add, decimal, decimalText, parseDecimal, ZERO } from '../core/decimal.ts';
import type { Reading } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS, type Span } from '../core/time.ts';
import { aPoint, aSite, type Bench, bench, POWER, powerDay, powerPlan, powerReading } from './app.testkit.ts';
import { QUESTIONS } from './desk.ts';
import { pointDayOf, wishOf } from './point-day.ts';
import { createProfiler } from './profiler.ts';
import { substitute } from './substitute.ts';

const DAY = powerDay('2026-06-10');
const TEN: Span = { start: DAY.start + 10 * HOUR_MS, end: DAY.start + 11 * HOUR_MS };
const site = aSite();
const counter = { device: 'meter', quantity: 'energy.active.import', unit: 'kWh', stores: true } as const;
const pointOf = (minutes: number, changes = {}) => aPoint(powerPlan({ minutes, counters: [counter] }), changes);

/** 0.6 kWh an hour, frozen every quarter. */
function frozen({ start, end }: Span): Reading[] {
  const edges = [...cut({ start, end }, 15).map((quarter) => quarter.start), end];
  return edges.map((at) => powerReading(at, decimal(((at - DAY.start) / MINUTE_MS) * 10 + 100_000, -3), [], 'stored'));
}

async function follow({ buffer, clock }: Bench, minutes: number, readings: readonly Reading[], changes = {}) {
  const point = pointOf(minutes, changes);
  const profiler = createProfiler({ site, points: [point], buffer, clock });
  await buffer.keepRound(readings);
  await profiler.follow();
  return { point, profiler };
}

const enter = ({ buffer, clock }: Bench, minutes: number, span: Span, value: string) =>
  substitute(
    { site, points: [pointOf(minutes)], buffer, heatOn: () => undefined, now: clock.now(), installedAt: 0 },
    { point: POWER, span, values: parseDecimal(value), reason: 'seen on the meter', by: 'J. Novák' },
  );

/** The site file states another length at noon; in the morning somebody entered two kilowatt-hours for the hour from ten. */
async function changed(from: number, to: number) {
  const made = await bench(DAY.start + 12 * HOUR_MS);
  await follow(made, from, frozen({ start: DAY.start, end: DAY.start + 12 * HOUR_MS }));
  await enter(made, from, TEN, from === 60 ? '2' : '0.5');
  made.clock.stepWall(13 * HOUR_MS);
  const { point, profiler } = await follow(made, to, frozen({ start: DAY.start + 12 * HOUR_MS, end: DAY.end }));
  const wish = async () => {
    await profiler.finish(point, DAY);
    const day = await pointDayOf(made.buffer, point, DAY);
    const sum = (day.intervals.import ?? []).reduce((total, { value }) => add(total, value ?? ZERO), ZERO);
    return { ...wishOf(day, site), sum: decimalText(sum) };
  };
  const shown = async () => {
    const { buffer, clock } = made;
    const desk = { site, points: [point], buffer, heatOn: () => undefined, now: () => clock.now(), installedAt: 0 };
    const { intervals } = await QUESTIONS.profile(
      { ...desk, alone: profiler.alone },
      { point: POWER, day: '2026-06-10' },
    );
    return decimalText(intervals.reduce((total, { value }) => add(total, parseDecimal(value || '0')), ZERO));
  };
  return { ...made, point, profiler, wish, shown };
}

describe('a point whose intervals get another length', () => {
  it.each([
    [60, 15, '4 of 96 intervals are missing (1 of another length, size-decided)', '0.5'],
    [15, 60, '1 of 24 intervals are missing (1 of another length)', '2'],
  ])('%d to %d minutes: what a person entered is neither lost nor counted twice', async (from, to, why, value) => {
    const made = await changed(from, to);
    const open = await made.wish();
    expect(open).toMatchObject({ kind: 'incomplete', failure: { detail: `point ${POWER}, import: ${why}` } });
    // The other 23 hours, and in the profile what was entered beside them.
    expect(open.sum).toBe('13.800');
    expect(await made.shown()).toBe('15.800');
    await enter(made, to, TEN, value);
    expect(await made.wish()).toMatchObject({ kind: 'send', sum: '15.800' });
    expect(await made.shown()).toBe('15.800');
  });

  it('is made under no quarter of an hour that somebody entered when the archive delivers it late', async () => {
    const made = await bench(DAY.start + 12 * HOUR_MS);
    await enter(made, 60, TEN, '2');
    await follow(made, 15, frozen({ start: TEN.start + 15 * MINUTE_MS, end: TEN.end }));
    const quarters = await made.buffer.intervals(POWER, 'import', { start: TEN.start + 1, end: TEN.end });
    expect(quarters.map(({ quality, findings }) => `${quality} ${findings.join()}`)).toEqual(
      Array(3).fill('missing size-decided'),
    );
  });

  it('has no like day among those of the old length', async () => {
    const weekBefore = powerDay('2026-06-03');
    const made = await bench(DAY.start - HOUR_MS);
    const old = frozen(DAY).map((reading) => ({ ...reading, at: reading.at - DAY.start + weekBefore.start }));
    await follow(made, 15, old);
    made.clock.stepWall(DAY.end - DAY.start + 2 * HOUR_MS);
    const estimation = { scaled: false, likeDay: true };
    const { point, profiler } = await follow(made, 60, [], { estimation });
    await profiler.finish(point, DAY);
    const intervals = await made.buffer.intervals(POWER, 'import', DAY);
    expect(new Set(intervals.map(({ quality }) => quality))).toEqual(new Set(['missing']));
  });
});
