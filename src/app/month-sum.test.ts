import { describe, expect, it } from 'vitest';
import { shiftDay } from '../core/calendar.ts';
import { decimal, parseDecimal } from '../core/decimal.ts';
import { HOUR_MS, type Span } from '../core/time.ts';
import { aPoint, aReading, aSite, type Bench, bench, GAS, gasDay } from './app.testkit.ts';
import { createProfiler } from './profiler.ts';
import { substitute } from './substitute.ts';

const FIRST = gasDay('2026-06-01');
const LAST = gasDay('2026-06-30');
const MONTH = { start: FIRST.start, end: LAST.end };
/** Nothing is known of two days, nor of the hours that touch them: no day of these has an index at both its ends. */
const HOLE = { start: gasDay('2026-06-10').start, end: gasDay('2026-06-11').end };
const AROUND = { start: HOLE.start - HOUR_MS, end: HOLE.end + HOUR_MS };
const TOUCHED = ['2026-06-12', '2026-06-11', '2026-06-10', '2026-06-09'];

const point = aPoint();
const site = aSite();
const profilerOf = ({ buffer, clock }: Bench) => createProfiler({ site, points: [point], buffer, clock });

/** A month of 1 m3 an hour. */
async function month(now: number) {
  const made = await bench(now);
  const edges = Array.from({ length: (MONTH.end - MONTH.start) / HOUR_MS + 1 }, (_, n) => MONTH.start + n * HOUR_MS);
  const known = edges.filter((at) => at < HOLE.start || at > HOLE.end);
  await made.buffer.keepRound(known.map((at) => aReading(at, decimal(1_000 + (at - MONTH.start) / HOUR_MS))));
  await profilerOf(made).follow();
  return made;
}

async function finish(made: Bench, days: readonly string[]): Promise<void> {
  for (const day of days) await profilerOf(made).finish(point, gasDay(day));
}

async function enter(made: Bench, span: Span, value: string): Promise<void> {
  const parts = {
    site,
    points: [point],
    buffer: made.buffer,
    heatOn: () => undefined,
    now: made.clock.now(),
    installedAt: 0,
  };
  await substitute(parts, { point: GAS, span, values: parseDecimal(value), reason: 'no signal', by: 'J. Novák' });
}

async function found(made: Bench): Promise<string[]> {
  const intervals = await made.buffer.intervals(GAS, 'volume', MONTH);
  return intervals.flatMap(({ findings, end }) =>
    findings.filter((code) => code.endsWith('sum-differs')).map((code) => `${code} ${(end - MONTH.start) / HOUR_MS}`),
  );
}

const days = Array.from({ length: 30 }, (_, n) => shiftDay('2026-06-01', n));

describe('the sum of a month', () => {
  it('is judged on its last day', async () => {
    const made = await month(MONTH.end + HOUR_MS);
    await enter(made, AROUND, '1.5');
    await finish(made, ['2026-06-30']);
    expect(await found(made)).toEqual(['month-sum-differs 720']);
  });

  it('is judged again when the last hole is closed after its end', async () => {
    const made = await month(MONTH.end + 48 * HOUR_MS);
    await finish(made, days);
    expect(await found(made)).toEqual([]);
    await enter(made, AROUND, '1.5');
    await finish(made, TOUCHED);
    expect(await found(made)).toEqual([216, 240, 264, 288].map((hours) => `month-sum-differs ${hours}`));
    await enter(made, AROUND, '1');
    await finish(made, TOUCHED);
    expect(await found(made)).toEqual([]);
  });

  it('says nothing while the month goes on', async () => {
    const made = await month(MONTH.end - 48 * HOUR_MS);
    await enter(made, AROUND, '1.5');
    await finish(made, TOUCHED);
    expect(await found(made)).toEqual([]);
  });
});
