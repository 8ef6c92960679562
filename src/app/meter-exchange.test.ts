import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Buffer } from '../buffer/index.ts';
import type { Round } from '../collect/round.ts';
import { type Decimal, decimal } from '../core/decimal.ts';
import type { Reading } from '../core/reading.ts';
import { HOUR_MS, isoUtc, MINUTE_MS, type Millis, type UtcMs } from '../core/time.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, SILENT, told } from './app.testkit.ts';
import { createProfiler } from './profiler.ts';
import { createRoundKeeper } from './round-keeper.ts';
import { traceInterval } from './trace.ts';

/** One meter goes and another comes: whatever the two indexes are, nothing of one is held against the other. */

const DAY = gasDay('2026-06-01');
const EVERY_MS = 20 * MINUTE_MS;
/** In m3 an hour, whichever meter stands there: 25 litres a minute. */
const LITRES_PER_MINUTE = 25;
const OLD_START = 1_000_000;

interface Story {
  /** The gateway hears nothing in it; somewhere in it the meters are exchanged. Minutes from the start of the day. */
  readonly gapFrom: number;
  readonly gapMinutes: number;
  readonly swapAt: number;
  /** What the new meter shows then, in litres. */
  readonly newStart: number;
  /** The program starts again in the gap. */
  readonly isRestarted: boolean;
  /** The new meter answers from its coming on, and is refused until the gap ends: the site file names the old one. */
  readonly isRefused: boolean;
}

const inDay = (minutes: number): UtcMs => DAY.start + minutes * MINUTE_MS;
const litres = (value: number): Decimal => decimal(value, -3);

/** What the meter that stands there at an instant shows of an instant; a new one stood still before it came. */
function indexAt({ swapAt, newStart }: Story, which: 'old' | 'new', minutes: number): Decimal {
  if (which === 'old') return litres(OLD_START + LITRES_PER_MINUTE * minutes);
  return litres(newStart + LITRES_PER_MINUTE * Math.max(0, minutes - swapAt));
}

function roundAt(story: Story, which: 'old' | 'new', minutes: number, archiveHours: number): Round {
  const index = (at: number) => indexAt(story, which, at);
  const lastHour = Math.floor(minutes / 60) * 60;
  const hours = Array.from({ length: archiveHours }, (_, n) => lastHour - 60 * n).filter((at) => at >= 0);
  const readings: Reading[] = [
    aReading(inDay(minutes), index(minutes), { source: 'sampled' }),
    ...hours.map((at) => aReading(inDay(at), index(at), { readAt: inDay(minutes) })),
  ];
  const at = inDay(minutes);
  return { device: 'meter', identity: { serial: which }, readings, unusable: [], startedAt: at, endedAt: at };
}

function keeperOver(buffer: Buffer) {
  return createRoundKeeper({ buffer, clockOffMsMax: MINUTE_MS, localZone: () => undefined, log: SILENT });
}

/** Plays the day and the hours after it. Gives its intervals, and when the meters were seen last and first. */
async function play(story: Story) {
  const made = await bench(DAY.end + 24 * HOUR_MS);
  const profiler = createProfiler({ site: aSite(), points: [aPoint()], buffer: made.buffer, clock: made.clock });
  let keeper = keeperOver(made.buffer);
  let [lastSeen, firstSeen, hasGap] = [0, Number.POSITIVE_INFINITY, false];
  for (let at = 0; inDay(at) <= DAY.end + HOUR_MS; at += EVERY_MS / MINUTE_MS) {
    const isInGap = at > story.gapFrom && at < story.gapFrom + story.gapMinutes;
    const which = at < story.swapAt ? 'old' : 'new';
    if (isInGap) {
      hasGap = true;
      if (story.isRestarted) keeper = keeperOver(made.buffer);
      if (!story.isRefused || which === 'old') continue;
      await keeper.keep({ ...roundAt(story, which, at, 0), readings: [], isStranger: true });
      firstSeen = Math.min(firstSeen, at);
      continue;
    }
    if (which === 'old') lastSeen = at;
    else firstSeen = Math.min(firstSeen, at);
    const isNew = firstSeen === at;
    // What is missing is asked for of the archive of whichever meter stands there then.
    await keeper.keep(roundAt(story, which, at, isNew || hasGap ? 24 : 1));
    hasGap = false;
    await profiler.follow();
  }
  await profiler.finish(aPoint(), DAY);
  return { ...made, intervals: await made.buffer.intervals(GAS, 'volume', DAY), lastSeen, firstSeen };
}

const story: fc.Arbitrary<Story> = fc
  .record({
    gapFrom: fc.integer({ min: 60, max: 600 }),
    gapMinutes: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 40, max: 780 })),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    step: fc.oneof(fc.constant(0), fc.integer({ min: -999_000, max: 20_000 }), fc.integer({ min: -300, max: 300 })),
    isRestarted: fc.boolean(),
    isRefused: fc.boolean(),
  })
  .map(({ share, step, ...rest }) => {
    const swapAt = rest.gapFrom + Math.floor(share * rest.gapMinutes);
    return { ...rest, swapAt, newStart: OLD_START + LITRES_PER_MINUTE * swapAt + step };
  });

describe('a meter that is exchanged', () => {
  it('has every hour before and after as it was, and none over the exchange, wherever the index went', async () => {
    await fc.assert(
      fc.asyncProperty(story, async (one) => {
        const { intervals, lastSeen, firstSeen } = await play(one);
        const hour = HOUR_MS;
        const said = intervals.map(({ start, value, findings }) => ({
          start: isoUtc(start),
          value: value && Number(value.coefficient) * 10 ** value.exponent,
          isExchange: findings.includes('meter-exchanged'),
        }));
        const expected = intervals.map(({ start, end }) => {
          const isBefore = end <= Math.floor(inDay(lastSeen) / hour) * hour;
          const isAfter = start >= Math.ceil(inDay(firstSeen) / hour) * hour;
          const isWhole = isBefore || isAfter;
          return { start: isoUtc(start), value: isWhole ? 1.5 : undefined, isExchange: !isWhole };
        });
        expect(said).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  const higher: Story = {
    gapFrom: 200,
    gapMinutes: 120,
    swapAt: 250,
    // As much as could well have been used: nothing but the serial tells.
    newStart: OLD_START + 30_000,
    isRestarted: true,
    isRefused: false,
  };

  it('is told with both serials and the time in which it went', async () => {
    const { buffer, clock } = await play(higher);
    const now = clock.now();
    const trace = await traceInterval(
      { site: aSite(), buffer, installedAt: DAY.start, now },
      aPoint(),
      inDay(250) as Millis,
    );
    expect(trace.exchanges).toEqual([
      { device: 'meter', from: 'old', to: 'new', lastSeen: isoUtc(inDay(180)), firstSeen: isoUtc(inDay(320)) },
    ]);
    const later = await traceInterval({ site: aSite(), buffer, installedAt: DAY.start, now }, aPoint(), inDay(430));
    expect(later.exchanges).toEqual([]);
    expect(later.channels[0]?.versions.at(-1)?.origins[0]?.from.meter).toBe('new');
  });

  it('does not make the sum of the day doubtful when a person has entered the hours', async () => {
    const { buffer, clock, intervals } = await play(higher);
    const filled = intervals
      .filter(({ value }) => !value)
      .map((one) => ({ ...one, value: litres(1_500), quality: 'substituted' as const, version: one.version + 1 }));
    await buffer.keepIntervals(filled);
    const profiler = createProfiler({ site: aSite(), points: [aPoint()], buffer, clock });
    await profiler.finish(aPoint(), DAY);
    const after = await buffer.intervals(GAS, 'volume', DAY);
    expect(filled).toHaveLength(3);
    expect(after.flatMap(({ findings }) => findings.filter((code) => code.endsWith('sum-differs')))).toEqual([]);
  });

  it('is never estimated by the difference of the two indexes, whatever the site file allows', async () => {
    const point = aPoint(aPlan(), { estimation: { linearMinutesMax: 10_000, scaled: true, likeDay: true } });
    const { buffer, clock } = await play(higher);
    const profiler = createProfiler({ site: aSite(), points: [point], buffer, clock });
    await profiler.finish(point, DAY);
    const open = (await buffer.intervals(GAS, 'volume', DAY)).filter(({ findings }) =>
      findings.includes('meter-exchanged'),
    );
    expect(open.map((one) => told(one).quality)).toEqual(['missing', 'missing', 'missing']);
  });
});

describe('the history of meters', () => {
  const at = (minutes: number, serial: string | undefined, more: Partial<Round> = {}): Round => ({
    device: 'meter',
    ...(serial !== undefined && { identity: { serial } }),
    readings: [aReading(inDay(minutes), '7', { source: 'sampled' })],
    unusable: [],
    startedAt: inDay(minutes),
    endedAt: inDay(minutes),
    ...more,
  });

  it('knows a meter however its number is spelt, and one that comes back as another', async () => {
    const { buffer } = await bench(DAY.end);
    for (const [n, serial] of ['0012', '12', undefined, '13', '12'].entries())
      await keeperOver(buffer).keep(at(60 * n, serial));
    const known = await buffer.meterHistory('meter');
    expect(known?.meters).toEqual([
      { serial: '0012', since: inDay(0), until: inDay(60) },
      { serial: '13', since: inDay(180), until: inDay(180) },
      { serial: '12', since: inDay(240), until: inDay(240) },
    ]);
    const readings = await buffer.readings('meter', 'volume.base.total', DAY);
    expect(readings.map(({ meterSince }) => meterSince)).toEqual([
      undefined,
      undefined,
      undefined,
      inDay(180),
      inDay(240),
    ]);
  });

  it('forgets a stranger that went away again, and starts a new one when it comes back', async () => {
    const { buffer } = await bench(DAY.end);
    const keeper = keeperOver(buffer);
    await keeper.keep(at(0, 'old'));
    await keeper.keep(at(10, 'new', { isStranger: true, readings: [] }));
    await keeper.keep(at(20, 'old'));
    await keeper.keep(at(30, 'new', { isStranger: true, readings: [] }));
    await keeperOver(buffer).keep(at(40, 'new'));
    expect((await buffer.meterHistory('meter'))?.meters.at(-1)).toMatchObject({ serial: 'new', since: inDay(30) });
  });

  it('takes the number that is stated of a meter that tells none', async () => {
    const { buffer } = await bench(DAY.end);
    const stated = (serial: string) =>
      createRoundKeeper({
        buffer,
        clockOffMsMax: MINUTE_MS,
        localZone: () => undefined,
        serialStated: () => serial,
        log: SILENT,
      });
    await stated('1').keep(at(0, undefined));
    await stated('2').keep(at(60, undefined));
    expect((await buffer.meterHistory('meter'))?.meters.map(({ serial }) => serial)).toEqual(['1', '2']);
  });

  it('that is gone does not make the next meter the first', async () => {
    const { buffer } = await bench(DAY.end);
    await createRoundKeeper({
      buffer,
      clockOffMsMax: MINUTE_MS,
      localZone: () => undefined,
      serialBefore: () => 'old',
      log: SILENT,
    }).keep(at(60, 'new'));
    const [reading] = await buffer.readings('meter', 'volume.base.total', DAY);
    expect(reading?.meterSince).toBe(inDay(60));
  });
});
