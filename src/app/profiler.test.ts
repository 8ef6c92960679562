import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FIRST_ORDER, inOrder } from '../collect/sample-order.ts';
import { add, compare, decimal, decimalText, parseDecimal, subtract, ZERO } from '../core/decimal.ts';
import type { Interval } from '../core/interval.ts';
import type { Reading } from '../core/reading.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS, type Span } from '../core/time.ts';
import {
  aPlan,
  aPoint,
  aReading,
  aSite,
  type Bench,
  bench,
  GAS,
  gasDay,
  POWER,
  powerDay,
  powerPlan,
  powerReading,
  told,
} from './app.testkit.ts';
import { createProfiler } from './profiler.ts';

const DAY = gasDay('2026-06-01');
const AFTER = DAY.end + 24 * HOUR_MS;
const site = aSite();
const heat = { combustionHeat: [{ day: '2026-06-01', kWhPerM3: '10.5' }] };

function profilerOf({ buffer, clock }: Bench, point = aPoint(), of = site) {
  return createProfiler({ site: of, points: [point], buffer, clock });
}

/** A stored index at every edge of the day, 1.5 m3 an hour. */
function storedDay(day: Span = DAY): Reading[] {
  const edges = [...cut(day, 60).map(({ start }) => start), day.end];
  return edges.map((at, n) => aReading(at, decimal(1_000_000 + 1_500 * n, -3)));
}

async function intervalsAfter(rounds: readonly (readonly Reading[])[], point = aPoint(), of = site, day = DAY) {
  const made = await bench(AFTER);
  const profiler = profilerOf(made, point, of);
  for (const round of rounds) {
    await made.buffer.keepRound(round);
    await profiler.follow();
  }
  await profiler.finish(point, day);
  return { ...made, profiler, intervals: await made.buffer.intervals(point.code, point.counted[0]!.channel, day) };
}

it('keeps what one pass makes of several points in one batch', async () => {
  const { buffer, clock } = await bench(AFTER);
  const points = [aPoint(), aPoint(powerPlan({ minutes: 60 }))];
  const heads: number[] = [];
  buffer.onChange((streams) => {
    if (streams.has('intervals')) heads.push(buffer.entries('intervals'));
  });
  const [from, to] = [DAY.start, DAY.start + HOUR_MS];
  await buffer.keepRound([from, to].flatMap((at) => [aReading(at, '10'), powerReading(at, '20', [], 'stored')]));
  await createProfiler({ site, points, buffer, clock }).follow();
  expect(await buffer.intervals(GAS, 'volume', DAY)).toHaveLength(1);
  expect(await buffer.intervals(POWER, 'import', DAY)).toHaveLength(1);
  expect(heads).toEqual([1]);
});

const sum = (intervals: readonly Interval[]) => intervals.reduce((total, { value }) => add(total, value ?? ZERO), ZERO);

describe('a day of frozen indexes', () => {
  it('is measured hour by hour, with its energy', async () => {
    const { intervals, buffer } = await intervalsAfter([storedDay()], aPoint(), aSite(heat));
    expect(intervals).toHaveLength(24);
    expect(new Set(intervals.map(({ quality, findings }) => `${quality} ${findings.join()}`))).toEqual(
      new Set(['measured ']),
    );
    expect(compare(sum(intervals), decimal(36))).toBe(0);
    const energies = await buffer.intervals(GAS, 'energy', DAY);
    expect(compare(sum(energies), decimal(378))).toBe(0);
  });

  it.each([
    ['2026-03-28', 23],
    ['2026-10-24', 25],
  ])('gas day %s has %d hours', async (name, hours) => {
    const day = gasDay(name);
    const { intervals } = await intervalsAfter([storedDay(day)], aPoint(), site, day);
    expect(intervals.filter(({ quality }) => quality === 'measured')).toHaveLength(hours);
  });

  it.each([
    ['2026-03-29', 92],
    ['2026-10-25', 100],
  ])('electricity day %s has %d quarters', async (name, quarters) => {
    const day = powerDay(name);
    const samples = cut({ start: day.start, end: day.end + 15 * MINUTE_MS }, 15).map(({ start }, n) =>
      powerReading(start, decimal(n)),
    );
    const { intervals } = await intervalsAfter([samples], aPoint(powerPlan()), site, day);
    expect(intervals.map(({ value }) => value && Number(value.coefficient) * 10 ** value.exponent)).toEqual(
      Array(quarters).fill(1),
    );
  });
});

describe('readings in any order', () => {
  // Samples and frozen indexes of a counter that only grows, some stamps by a clock that is off.
  const history = fc
    .array(
      fc.record({
        minutes: fc.integer({ min: 1, max: 40 }),
        litres: fc.integer({ min: 0, max: 20_000 }),
        stored: fc.boolean(),
        off: fc.boolean(),
      }),
      { minLength: 5, maxLength: 60 },
    )
    .map((steps) => {
      let at = DAY.start - 30 * MINUTE_MS;
      let litres = 5_000_000;
      const readings: Reading[] = [];
      for (const step of steps) {
        at += step.minutes * MINUTE_MS;
        litres += step.litres;
        const atEdge = Math.ceil(at / HOUR_MS) * HOUR_MS;
        if (step.stored && atEdge - at < 15 * MINUTE_MS) at = atEdge;
        const isStored = step.stored && at === atEdge;
        readings.push(
          aReading(at, decimal(litres, -3), {
            source: isStored ? 'stored' : 'sampled',
            flags: isStored && step.off ? ['clock-invalid'] : [],
          }),
        );
      }
      return readings;
    });
  const shuffled = history.chain((readings) =>
    fc.record({
      readings: fc.constant(readings),
      order: fc.shuffledSubarray(readings, { minLength: readings.length, maxLength: readings.length }),
      cuts: fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 10 }),
      finishAt: fc.integer({ min: 0, max: 5 }),
    }),
  );
  const roundsOf = (readings: readonly Reading[], cuts: readonly number[]) => {
    const rounds: Reading[][] = [];
    for (let from = 0, n = 0; from < readings.length; n++) {
      const size = cuts[n % cuts.length]!;
      rounds.push(readings.slice(from, from + size));
      from += size;
    }
    return rounds;
  };

  it.each([
    ['of a meter that freezes its index', true],
    ['of a meter that is only sampled', false],
  ])(
    '%s give the same intervals, also after restarts and a day that was finished too early',
    async (_, stores) => {
      const point = aPoint(
        aPlan({ counters: [{ device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores }] }),
      );
      await fc.assert(
        fc.asyncProperty(shuffled, async ({ readings, order, cuts, finishAt }) => {
          const straight = await intervalsAfter([readings], point);
          let other = await bench(AFTER);
          for (const [n, round] of roundsOf(order, cuts).entries()) {
            await other.buffer.keepRound(round);
            await profilerOf(other, point).follow();
            if (n === finishAt) await profilerOf(other, point).finish(point, DAY);
            other = await other.restart();
          }
          await profilerOf(other, point).finish(point, DAY);
          const found = await other.buffer.intervals(GAS, 'volume', DAY);
          expect(found.map(told)).toEqual(straight.intervals.map(told));
          expect(found).toHaveLength(24);
        }),
        { numRuns: 40 },
      );
    },
    60_000,
  );

  it('whatever is known adds up to the index, at every moment', async () => {
    const point = aPoint();
    await fc.assert(
      fc.asyncProperty(shuffled, async ({ order, cuts, finishAt }) => {
        const made = await bench(AFTER);
        const profiler = profilerOf(made, point);
        for (const [n, round] of roundsOf(order, cuts).entries()) {
          await made.buffer.keepRound(round);
          await profiler.follow();
          if (n === finishAt) await profiler.finish(point, DAY);
          const valued = (await made.buffer.intervals(GAS, 'volume', DAY)).filter(({ value }) => value);
          for (const [k, interval] of valued.entries()) {
            const next = valued[k + 1];
            if (next?.start !== interval.end) continue;
            expect(compare(interval.origins[0]!.to.index, next.origins[0]!.from.index)).toBe(0);
          }
        }
      }),
      { numRuns: 40 },
    );
  }, 60_000);
});

describe('two stages at once', () => {
  it('do not make the same version of an interval twice', async () => {
    const made = await bench(AFTER);
    // A slow disk: what one stage is about to write is not yet there when the other looks.
    const buffer = {
      ...made.buffer,
      async keepIntervals(intervals: readonly Interval[]) {
        for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
        return made.buffer.keepIntervals(intervals);
      },
    };
    const profiler = createProfiler({ site, points: [aPoint()], buffer, clock: made.clock });
    const [first, ...rest] = storedDay();
    await made.buffer.keepRound([first!]);
    await profiler.finish(aPoint(), DAY);
    await made.buffer.keepRound(rest.map((reading) => ({ ...reading, flags: ['low-battery'] })));
    await made.buffer.keepRound([aReading(DAY.start + HOUR_MS, '1')]);
    await Promise.all([profiler.follow(), profiler.finish(aPoint(), DAY)]);
    const intervals = await made.buffer.intervals(GAS, 'volume', DAY);
    expect(intervals.every(({ quality }) => quality === 'measured')).toBe(true);
    expect(intervals[0]!.findings).toEqual(['meter-battery-low', 'contradicted']);
  });
});

describe('what comes late', () => {
  const withoutTen = storedDay().filter(({ at }) => at !== DAY.start + 10 * HOUR_MS);
  const around = [-5, 5].map((minutes) =>
    aReading(DAY.start + 10 * HOUR_MS + minutes * MINUTE_MS, decimal(1_015_000 + minutes * 25, -3), {
      source: 'sampled',
    }),
  );
  const late = aReading(DAY.start + 10 * HOUR_MS, '1015.010');

  it('an hour that the meter did not freeze is computed, and measured when the archive delivers it', async () => {
    const { intervals, buffer, profiler } = await intervalsAfter([[...withoutTen, ...around]]);
    expect(intervals.filter(({ quality }) => quality === 'computed').map(({ start }) => start)).toEqual([
      DAY.start + 9 * HOUR_MS,
      DAY.start + 10 * HOUR_MS,
    ]);
    await buffer.keepRound([late]);
    await profiler.follow();
    const [nine, ten] = await buffer.intervals(GAS, 'volume', {
      start: DAY.start + 9 * HOUR_MS,
      end: DAY.start + 11 * HOUR_MS,
    });
    expect([nine, ten].map((one) => [one!.quality, one!.version])).toEqual([
      ['measured', 2],
      ['measured', 2],
    ]);
    expect(compare(add(nine!.value!, ten!.value!), decimal(3))).toBe(0);
  });

  it('an edge that gets better moves both its neighbours, also when only one of them is measured then', async () => {
    const missing = [9, 10, 11].map((hour) => DAY.start + hour * HOUR_MS);
    const samples = missing.flatMap((edge) => {
      const litres = 1_000_000 + (1_500 * (edge - DAY.start)) / HOUR_MS;
      return [-5, 5].map((minutes) =>
        aReading(edge + minutes * MINUTE_MS, decimal(litres + minutes * 25, -3), { source: 'sampled' }),
      );
    });
    const { buffer, profiler } = await intervalsAfter([
      [...storedDay().filter(({ at }) => !missing.includes(at)), ...samples],
    ]);
    for (const hour of [10, 9]) {
      await buffer.keepRound([aReading(DAY.start + hour * HOUR_MS, decimal(1_000_000 + 1_500 * hour + 7, -3))]);
      await profiler.follow();
    }
    const after = await buffer.intervals(GAS, 'volume', DAY);
    expect(after[9]!.quality).toBe('measured');
    expect(after[10]!.quality).toBe('computed');
    for (const [n, interval] of after.slice(1).entries())
      expect(compare(interval.origins[0]!.from.index, after[n]!.origins[0]!.to.index)).toBe(0);
  });

  it('a missing hour says why, and says nothing twice', async () => {
    const { intervals, buffer, profiler } = await intervalsAfter([withoutTen]);
    expect(intervals.filter(({ quality }) => quality === 'missing').map(({ findings }) => findings)).toEqual([
      ['no-reading'],
      ['no-reading'],
    ]);
    await profiler.finish(aPoint(), DAY);
    expect(await buffer.intervalVersions(GAS, 'volume', DAY.start)).toHaveLength(1);
  });

  it('a person stands above the meter', async () => {
    const { buffer, profiler } = await intervalsAfter([withoutTen]);
    const [missing] = await buffer.intervals(GAS, 'volume', {
      start: DAY.start + 9 * HOUR_MS,
      end: DAY.start + 9 * HOUR_MS + 1,
    });
    await buffer.keepIntervals([{ ...missing!, value: decimal(7), quality: 'substituted', version: 2 }]);
    await buffer.keepRound([late]);
    await profiler.follow();
    await profiler.finish(aPoint(), DAY);
    const [nine, ten] = await buffer.intervals(GAS, 'volume', {
      start: DAY.start + 9 * HOUR_MS,
      end: DAY.start + 11 * HOUR_MS,
    });
    expect([nine!.quality, ten!.quality]).toEqual(['substituted', 'measured']);
  });

  it('the heat of a day makes its energy, and another heat a new version', async () => {
    const made = await bench(AFTER);
    let kWhPerM3: string | undefined;
    const profiler = createProfiler({
      ...made,
      site,
      points: [aPoint()],
      heatOn: () => (kWhPerM3 ? parseDecimal(kWhPerM3) : undefined),
    });
    await made.buffer.keepRound(storedDay());
    await profiler.follow();
    expect(await profiler.reheat(['2026-06-01'])).toBe(0);
    kWhPerM3 = '10';
    expect(await profiler.reheat(['2026-06-01'])).toBe(24);
    kWhPerM3 = '11';
    expect(await profiler.reheat(['2026-06-01', '2026-06-02'])).toBe(24);
    const energies = await made.buffer.intervals(GAS, 'energy', DAY);
    expect(compare(sum(energies), decimal(396))).toBe(0);
    expect(new Set(energies.map(({ version }) => version))).toEqual(new Set([2]));
  });
});

describe('estimation', () => {
  const gap = (from: number, to: number) =>
    storedDay().filter(({ at }) => at <= DAY.start + from * HOUR_MS || at >= DAY.start + to * HOUR_MS);
  const allowed = (rule: object) => aPoint(aPlan(), { estimation: { scaled: false, likeDay: false, ...rule } });

  it('is never done where the site file does not allow it', async () => {
    const { intervals } = await intervalsAfter([gap(8, 12)]);
    expect(intervals.filter(({ quality }) => quality === 'missing')).toHaveLength(4);
  });

  it('fills a gap so that the day adds up to its index difference, and gives way to the archive', async () => {
    const point = allowed({ linearMinutesMax: 240 });
    const { intervals, buffer, profiler } = await intervalsAfter([gap(8, 12)], point);
    const filled = intervals.filter(({ quality }) => quality === 'estimated');
    expect(filled.map(({ findings }) => findings)).toEqual(Array(4).fill(['no-reading', 'estimated-linear']));
    expect(compare(sum(intervals), decimal(36))).toBe(0);
    // The archive delivers one of the edges: what is known is actual, the rest is divided anew.
    const [part] = storedDay().filter(({ at }) => at === DAY.start + 9 * HOUR_MS);
    await buffer.keepRound([{ ...part!, value: parseDecimal('1013.900') }]);
    await profiler.follow();
    await profiler.finish(point, DAY);
    const after = await buffer.intervals(GAS, 'volume', DAY);
    expect(after.filter(({ quality }) => quality === 'estimated')).toHaveLength(3);
    expect(compare(after[8]!.value!, parseDecimal('1.9'))).toBe(0);
    expect(compare(sum(after), decimal(36))).toBe(0);
  });

  it('never stands in the place of an actual value', async () => {
    const { intervals } = await intervalsAfter([storedDay()], allowed({ linearMinutesMax: 1440, likeDay: true }));
    expect(intervals.every(({ quality }) => quality === 'measured')).toBe(true);
  });

  it('takes the shape of the same weekday, over the switch to summer time as well', async () => {
    const day = gasDay('2026-04-01');
    const weekBefore = gasDay('2026-03-25');
    const shape = cut(weekBefore, 60).map(({ start }, n) => aReading(start, decimal(1_000_000 + n * n * 10, -3)));
    const end = aReading(weekBefore.end, decimal(1_000_000 + 24 * 24 * 10, -3));
    const edges = [aReading(day.start, '2000.000'), aReading(day.end, '2048.000')];
    const point = allowed({ scaled: true });
    const made = await bench(day.end + HOUR_MS);
    const profiler = profilerOf(made, point);
    await made.buffer.keepRound([...shape, end, ...edges]);
    await profiler.follow();
    await profiler.finish(point, day);
    const intervals = await made.buffer.intervals(GAS, 'volume', day);
    expect(new Set(intervals.map(({ findings }) => findings.join()))).toEqual(new Set(['no-reading,estimated-scaled']));
    expect(compare(sum(intervals), decimal(48))).toBe(0);
    // The sixth hour of a day has 2n+1 = 11 parts of 576.
    expect(compare(subtract(intervals[5]!.value!, parseDecimal('0.916')), parseDecimal('0.001'))).toBeLessThanOrEqual(
      0,
    );
  });

  it('is none where the shape puts more into an hour than can have passed in it', async () => {
    const [weekBefore, day] = [gasDay('2026-06-01'), gasDay('2026-06-08')];
    // Of the like day all passed in its sixth hour.
    const shape = cut(weekBefore, 60).map(({ start }, n) => aReading(start, n < 6 ? '1000.000' : '1090.000'));
    const edges = [aReading(day.start, '2000.000'), aReading(day.end, '2130.000')];
    const point = allowed({ scaled: true });
    const made = await bench(day.end + HOUR_MS);
    const profiler = profilerOf(made, point);
    await made.buffer.keepRound([...shape, aReading(weekBefore.end, '1090.000'), ...edges]);
    await profiler.follow();
    await profiler.finish(point, day);
    const told = (await made.buffer.intervals(GAS, 'volume', day)).map(({ quality, findings }) => [
      quality,
      ...findings,
    ]);
    expect(told).toEqual(Array(24).fill(['missing', 'no-reading', 'capacity-exceeded']));
  });

  it('waits for the end of a gap that goes on after the day, then fills both days exactly', async () => {
    const point = allowed({ linearMinutesMax: 600 });
    const made = await bench(DAY.end + HOUR_MS);
    const profiler = profilerOf(made, point);
    await made.buffer.keepRound(storedDay().filter(({ at }) => at <= DAY.start + 20 * HOUR_MS));
    await profiler.follow();
    await profiler.finish(point, DAY);
    expect((await made.buffer.intervals(GAS, 'volume', DAY)).filter(({ value }) => !value)).toHaveLength(4);
    made.clock.stepWall(24 * HOUR_MS);
    await made.buffer.keepRound([aReading(DAY.end + 3 * HOUR_MS, '1050.000')]);
    await profiler.follow();
    const first = await made.buffer.intervals(GAS, 'volume', DAY);
    expect(first.filter(({ quality }) => quality === 'estimated')).toHaveLength(4);
    await profiler.finish(point, { start: DAY.end, end: DAY.end + 24 * HOUR_MS });
    const second = await made.buffer.intervals(GAS, 'volume', { start: DAY.end, end: DAY.end + 3 * HOUR_MS });
    expect(compare(add(sum(first), sum(second)), decimal(50))).toBe(0);
  });
});

describe('an interval without a reading', () => {
  const hour = DAY.start + 10 * HOUR_MS;

  it.each([
    ['value-invalid', 'value-invalid'],
    ['value-missing', 'value-not-found'],
    ['clock-not-credible', 'stamp-not-credible'],
  ] as const)('says that the answer held what could not be used: %s', async (code, finding) => {
    const made = await bench(AFTER);
    const profiler = profilerOf(made);
    // Refused at the full hour: the hours on both sides of that index are missing, and the next is not.
    const refused = [1, 3].map((minutes) => ({ device: 'meter', at: hour + minutes * MINUTE_MS, code }));
    await made.buffer.keepRefusals([...refused, { device: 'other', at: hour + 5 * HOUR_MS, code }]);
    const gone = [hour, hour + 5 * HOUR_MS];
    await made.buffer.keepRound(storedDay().filter(({ at }) => !gone.includes(at)));
    await profiler.follow();
    await profiler.finish(aPoint(), DAY);
    const missing = (await made.buffer.intervals(GAS, 'volume', DAY)).filter(({ value }) => !value);
    expect(missing.map((one) => told(one).findings)).toEqual([
      `no-reading,${finding}`,
      `no-reading,${finding}`,
      'no-reading',
      'no-reading',
    ]);
  });
});

describe('what a person must look at', () => {
  const hour = DAY.start + 10 * HOUR_MS;
  const allowed = aPoint(aPlan(), { estimation: { linearMinutesMax: 1440, scaled: true, likeDay: true } });
  const lastWeek = storedDay(gasDay('2026-05-25')).map((one) => ({ ...one, value: subtract(one.value, decimal(36)) }));
  const versions = async ({ buffer }: Bench, at = hour) =>
    (await buffer.intervalVersions(GAS, 'volume', at))
      .map(told)
      .map(({ value, quality, findings }) => [value, quality, findings]);

  async function ready(readings: readonly Reading[], point = allowed) {
    const made = await bench(AFTER);
    const profiler = profilerOf(made, point);
    await made.buffer.keepRound([...lastWeek, ...readings]);
    await profiler.follow();
    await profiler.finish(point, gasDay('2026-05-25'));
    await profiler.finish(point, DAY);
    return { ...made, profiler, point };
  }

  it('is not painted over with an estimate where an actual value stood', async () => {
    const samples = cut({ start: DAY.start - 15 * MINUTE_MS, end: DAY.end + 15 * MINUTE_MS }, 5).map(({ start }) =>
      aReading(start + 1_000, decimal(1_000_000 + 25 * ((start - DAY.start) / MINUTE_MS), -3), { source: 'sampled' }),
    );
    const made = await ready(samples);
    await made.buffer.keepRound([aReading(hour, '1015.000'), aReading(hour + HOUR_MS, '1014.000')]);
    await made.profiler.follow();
    await made.profiler.finish(made.point, DAY);
    const [first, ...later] = await versions(made);
    expect(first!.slice(0, 2)).toEqual(['1.500', 'computed']);
    expect(later.length).toBeGreaterThan(0);
    for (const [value, quality, findings] of later) {
      expect([value, quality]).toEqual([undefined, 'missing']);
      expect(findings).toContain('negative');
    }
  });

  it('takes the place of an estimate', async () => {
    const made = await ready(storedDay().filter(({ at }) => at !== hour + HOUR_MS));
    expect((await versions(made)).at(-1)).toEqual(['1.500', 'estimated', 'no-reading,estimated-linear']);
    await made.buffer.keepRound([aReading(hour + HOUR_MS, '1014.000')]);
    await made.profiler.follow();
    await made.profiler.finish(made.point, DAY);
    expect((await versions(made)).at(-1)).toEqual([undefined, 'missing', 'negative']);
    expect((await versions(made, hour + HOUR_MS)).at(-1)).toEqual([undefined, 'missing', 'after-negative']);
  });

  it('is a whole gap over which the index went back, with the estimates that stood in it', async () => {
    const made = await ready(storedDay().filter(({ at }) => at <= hour || at >= hour + 4 * HOUR_MS));
    await made.buffer.keepRound([aReading(hour + 2 * HOUR_MS, '1014.000')]);
    await made.profiler.follow();
    expect((await versions(made)).at(-1)).toEqual([undefined, 'missing', 'no-reading,negative']);
    expect((await versions(made, hour + 2 * HOUR_MS)).at(-1)).toEqual([
      undefined,
      'missing',
      'no-reading,after-negative',
    ]);
  });

  it('is the hour after a dip, whether it is followed or finished, and after a person has dealt with the dip', async () => {
    const dipped = storedDay().map((one) => (one.at === hour + HOUR_MS ? { ...one, value: decimal(1_014) } : one));
    const made = await ready(dipped, aPoint());
    const recovery = [undefined, 'missing', 'after-negative'];
    expect(await versions(made, hour + HOUR_MS)).toEqual([recovery]);
    const [dip] = await made.buffer.intervals(GAS, 'volume', { start: hour, end: hour + 1 });
    await made.buffer.keepIntervals([{ ...dip!, value: decimal(2), quality: 'substituted', findings: [], version: 2 }]);
    await made.profiler.finish(made.point, DAY);
    expect((await versions(made, hour + HOUR_MS)).at(-1)).toEqual(recovery);
  });

  describe('of several hours', () => {
    /** The index of 10:00 to 13:00 is twenty less than it was; at 14:00 it is as it should be. */
    const low = [1, 2, 3, 4].map((n) => hour + n * HOUR_MS);
    const dipped = storedDay().map((one) =>
      low.includes(one.at) ? { ...one, value: subtract(one.value, decimal(20)) } : one,
    );
    const standing = async ({ buffer }: Bench) =>
      (await buffer.intervals(GAS, 'volume', DAY)).flatMap((one) => (one.value ? [] : [told(one).findings]));
    const expected = ['negative', ...low.map(() => 'after-negative')];

    it.each([
      ['as they come', dipped.map((one) => [one])],
      ['at once', [dipped]],
      ['the newest first', [...dipped].reverse().map((one) => [one])],
    ])('is told of each, and of the hour of return, %s', async (_, rounds) => {
      const made = await bench(AFTER);
      const profiler = profilerOf(made);
      for (const round of rounds) {
        await made.buffer.keepRound(round);
        await profiler.follow();
      }
      expect(await standing(made)).toEqual(expected);
      await profiler.finish(aPoint(), DAY);
      expect(await standing(made)).toEqual(expected);
    });

    it('goes with the reading that made it, also for the energy', async () => {
      const made = await bench(AFTER);
      const profiler = profilerOf(made, aPoint(), aSite(heat));
      const doubted = dipped.map((one) => (low.includes(one.at) ? { ...one, flags: ['clock-invalid'] as const } : one));
      await made.buffer.keepRound(dipped.filter(({ at }) => at <= low[0]!));
      await profiler.follow();
      await made.buffer.keepRound(doubted.filter(({ at }) => at > low[0]!));
      await profiler.follow();
      expect(await standing(made)).toEqual(['negative']);
      await profiler.finish(aPoint(), DAY);
      const energies = await made.buffer.intervals(GAS, 'energy', DAY);
      expect(energies.filter(({ value }) => value)).toHaveLength(19);
    });

    it('is followed over the end of the day', async () => {
      const both = { start: DAY.start, end: AFTER };
      const late = storedDay(both).map((one, n) =>
        n >= 22 && n <= 26 ? { ...one, value: subtract(one.value, decimal(20)) } : one,
      );
      const made = await bench(AFTER + HOUR_MS);
      await made.buffer.keepRound(late);
      const profiler = profilerOf(made);
      await profiler.finish(aPoint(), DAY);
      await profiler.finish(aPoint(), { start: DAY.end, end: AFTER });
      const next = await made.buffer.intervals(GAS, 'volume', { start: DAY.end, end: AFTER });
      expect(next.filter(({ value }) => !value).map((one) => told(one).findings)).toEqual(
        Array<string>(3).fill('after-negative'),
      );
    });
  });

  it('is the first hour of a day after a dip at midnight', async () => {
    const evening = [aReading(DAY.start - HOUR_MS, '1001'), aReading(DAY.start, '1000')];
    const made = await bench(AFTER);
    await made.buffer.keepRound([...evening, ...storedDay().slice(1)]);
    await profilerOf(made).finish(aPoint(), DAY);
    expect(await versions(made, DAY.start)).toEqual([[undefined, 'missing', 'after-negative']]);
  });

  it('is trouble that the meter reports between two sound edges, also after an edge got better', async () => {
    const minutes = [5, 10, 20, 30, 40, 50];
    const samples = minutes.map((minute) =>
      aReading(hour + minute * MINUTE_MS, decimal(1_015_000 + minute * 25, -3), {
        source: 'sampled',
        flags: minute > 5 && minute < 50 ? ['alarm', 'disturbed', 'power-failed', 'low-battery'] : [],
      }),
    );
    const made = await ready([...storedDay(), ...samples], aPoint());
    const flagged = ['1.500', 'flagged', 'meter-alarm,meter-disturbed,meter-power-failed'];
    expect((await versions(made)).at(-1)).toEqual(flagged);
    expect((await versions(made, hour + HOUR_MS)).at(-1)).toEqual(['1.500', 'measured', '']);
    await made.buffer.keepRound([aReading(hour + 5_000, '1015.000', { source: 'sampled' })]);
    await made.profiler.follow();
    expect((await versions(made)).at(-1)).toEqual(flagged);
  });

  it('is energy of a volume that no longer stands, when its heat was withdrawn', async () => {
    const made = await bench(AFTER);
    let kWhPerM3: string | undefined = '10';
    const heatOn = () => (kWhPerM3 ? parseDecimal(kWhPerM3) : undefined);
    const profiler = createProfiler({ ...made, site, points: [aPoint()], heatOn });
    const samples = [-5, 5].map((minutes) =>
      aReading(hour + minutes * MINUTE_MS, decimal(1_015_000 + minutes * 25, -3), { source: 'sampled' }),
    );
    await made.buffer.keepRound([...storedDay().filter(({ at }) => at !== hour), ...samples]);
    await profiler.follow();
    await profiler.finish(aPoint(), DAY);
    kWhPerM3 = undefined;
    made.clock.stepWall(MINUTE_MS);
    await made.buffer.keepRound([aReading(hour, '1015.100')]);
    await profiler.follow();
    await profiler.finish(aPoint(), DAY);
    const energies = await made.buffer.intervals(GAS, 'energy', DAY);
    expect(energies.flatMap(({ value }, n) => (value ? [] : [n]))).toEqual([9, 10]);
    kWhPerM3 = '10';
    await profiler.reheat(['2026-06-01']);
    expect(compare(sum(await made.buffer.intervals(GAS, 'energy', DAY)), decimal(360))).toBe(0);
  });
});

describe('a gap over the end of a day', () => {
  const point = aPoint(aPlan(), { estimation: { linearMinutesMax: 1440, scaled: false, likeDay: false } });
  const both = { start: DAY.start, end: AFTER };
  const edges = storedDay(both);
  const isEdge = (n: number) => n <= 20 || n >= 28;

  /** Both days are finished with the gap; what is late comes one by one, and nobody finishes a day by hand. */
  async function sumAfter(late: readonly Reading[], first = edges.filter((_, n) => isEdge(n))) {
    const made = await bench(AFTER + HOUR_MS);
    const profiler = profilerOf(made, point);
    await made.buffer.keepRound(first);
    await profiler.follow();
    await profiler.finish(point, { start: DAY.end, end: AFTER });
    await profiler.finish(point, DAY);
    const sums = [sum(await made.buffer.intervals(GAS, 'volume', both))];
    for (const reading of late) {
      await made.buffer.keepRound([reading]);
      await profiler.follow();
      sums.push(sum(await made.buffer.intervals(GAS, 'volume', both)));
    }
    return sums.map(decimalText);
  }

  it('adds up to the index after every reading that comes late, on either side of midnight', async () => {
    const within = fc.uniqueArray(
      fc.record({ n: fc.integer({ min: 21, max: 27 }), litres: fc.integer({ min: 0, max: 12_000 }) }),
      { minLength: 1, maxLength: 7, selector: ({ n }) => n },
    );
    await fc.assert(
      fc.asyncProperty(within, async (late) => {
        // The index grows by the gap's 12 m3 in steps of any size.
        const litres = late.map((one) => one.litres).sort((a, b) => a - b);
        const order = late.map(({ n }) => n).sort((a, b) => a - b);
        const readings = late.map(({ n }) =>
          aReading(edges[n]!.at, decimal(1_030_000 + litres[order.indexOf(n)]!, -3)),
        );
        expect(new Set(await sumAfter(readings))).toEqual(new Set(['72.000']));
      }),
      { numRuns: 60 },
    );
  }, 60_000);

  it('adds up when the index at its end was between two samples and the archive says another', async () => {
    const around = [-5, 5].map((minutes) =>
      aReading(edges[28]!.at + minutes * MINUTE_MS, decimal(1_042_000 + minutes * 25, -3), { source: 'sampled' }),
    );
    const first = edges.filter((_, n) => isEdge(n) && n !== 28);
    const late = [aReading(edges[28]!.at, '1042.100'), aReading(edges[23]!.at, '1041.000')];
    expect(new Set(await sumAfter(late, [...first, ...around]))).toEqual(new Set(['72.000']));
  });
});

describe('the multiplier and the end of an electricity day', () => {
  it('counts with the ratio that holds in each quarter', async () => {
    const day = powerDay('2026-06-01');
    const noon = day.start + 12 * HOUR_MS;
    const multipliers = [
      { from: 0, value: decimal(40) },
      { from: noon, value: decimal(80) },
    ];
    const samples = cut({ start: day.start, end: day.end + 15 * MINUTE_MS }, 15).map(({ start }, n) =>
      powerReading(start, decimal(n, -1)),
    );
    const point = aPoint(powerPlan({ multipliers }));
    const { buffer } = await intervalsAfter([samples], point, site, day);
    const intervals = await buffer.intervals(POWER, 'import', day);
    expect(compare(sum(intervals), decimal(48 * 4 + 48 * 8))).toBe(0);
    expect(
      intervals.filter(({ findings }) => findings.includes('multiplier-changed')).map(({ start }) => start),
    ).toEqual([noon]);
    const ratios = intervals.map(({ multiplier }) => multiplier && decimalText(multiplier));
    expect(ratios).toEqual([...Array(48).fill('40'), ...Array(48).fill('80')]);
  });

  it('an estimate names the ratio that the index difference over its gap was taken times', async () => {
    const multipliers = [{ from: 0, value: decimal(40) }];
    const known = storedDay().filter(({ at }) => at <= DAY.start + 8 * HOUR_MS || at >= DAY.start + 10 * HOUR_MS);
    const estimation = { linearMinutesMax: 120, scaled: false, likeDay: false };
    const { intervals } = await intervalsAfter([known], aPoint(aPlan({ multipliers }), { estimation }));
    expect(intervals.map(({ quality }) => quality).filter((one) => one === 'estimated')).toHaveLength(2);
    expect(new Set(intervals.map(({ multiplier }) => multiplier && decimalText(multiplier)))).toEqual(new Set(['40']));
    expect(compare(sum(intervals), decimal(40 * 36))).toBe(0);
  });
});

describe("the gateway's clock is set while it samples a constant load", () => {
  /** The wall is off until so many minutes of the day have passed. */
  async function dayWith(offMinutes: number, untilMinute: number) {
    const made = await bench(AFTER);
    const point = aPoint();
    const profiler = profilerOf(made, point);
    let order = FIRST_ORDER;
    for (let minute = -60; minute <= 25 * 60; minute++) {
      const isOff = minute <= untilMinute;
      const at = DAY.start + (minute + (isOff ? offMinutes : 0)) * MINUTE_MS + 1_000;
      const sample = aReading(at, decimal(100 + minute), { source: 'sampled' });
      const ordered = inOrder(order, [sample], isOff ? 0 : 1);
      order = ordered.order;
      await made.buffer.keepRound(ordered.readings);
      await profiler.follow();
    }
    await profiler.finish(point, DAY);
    const intervals = await made.buffer.intervals(point.code, 'volume', DAY);
    return intervals
      .map(told)
      .map(({ value, findings }, hour) => [hour, value, findings])
      .filter(([, value, findings]) => value !== '60.000' || findings !== '');
  }

  it.each([
    ['back inside an hour: it holds ten minutes more', 10, 115, [[2, '70.000', 'wall-stepped']]],
    ['forward inside an hour: it holds ten minutes less', -10, 100, [[1, '50.000', 'wall-stepped']]],
    [
      'forward over the end of an hour: that index is not made up',
      -10,
      125,
      [
        [1, undefined, 'no-reading,wall-stepped'],
        [2, undefined, 'no-reading,wall-stepped'],
      ],
    ],
  ])('%s, and says so', async (_, offMinutes, untilMinute, expected) => {
    expect(await dayWith(offMinutes, untilMinute)).toEqual(expected);
  });
});
