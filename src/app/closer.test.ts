import { describe, expect, it } from 'vitest';
import { add, decimal, decimalText, ZERO } from '../core/decimal.ts';
import type { MessageId, Verdict } from '../core/message.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS, MINUTE_MS, type UtcMs } from '../core/time.ts';
import { gasPack } from '../message/message.testkit.ts';
import { aPlan, aPoint, aReading, aSite, type Bench, bench, GAS, gasDay, SILENT, told } from './app.testkit.ts';
import { createCloser } from './closer.ts';
import type { PointPlan } from './plan.ts';
import { createProfiler } from './profiler.ts';
import { ageRound } from './retention.ts';

const OTHER = '27ZG500Z00000027';
const DAY = gasDay('2026-06-01');
const INSTALLED = DAY.start;
const AFTER = DAY.end + 20 * MINUTE_MS;
const site = aSite({
  combustionHeat: ['2026-06-01', '2026-06-02', '2026-06-03'].map((day) => ({ day, kWhPerM3: '10.5' })),
});
const counter = { device: 'other', quantity: 'volume.base.total', unit: 'm3', stores: true } as const;
const POINTS = [aPoint(), aPoint(aPlan({ point: OTHER, counters: [counter] }))];

function stagesOf({ buffer, clock }: Bench, points: readonly PointPlan[] = POINTS, of = site, pack = gasPack) {
  const profiler = createProfiler({ site: of, points, buffer, clock });
  const packs = new Map([['gas', pack] as const]);
  const closer = createCloser({
    site: of,
    points,
    packs,
    buffer,
    profiler,
    clock,
    log: SILENT,
    installedAt: INSTALLED,
  });
  return { profiler, closer };
}

const dayOf = (device: string, from: UtcMs = DAY.start, skip: readonly number[] = []) =>
  [...cut({ start: from, end: from + 24 * HOUR_MS }, 60).map(({ start }) => start), from + 24 * HOUR_MS]
    .map((at) => aReading(at, decimal(1_000_000 + ((at - DAY.start) / HOUR_MS) * 1_500, -3), { device }))
    .filter((_, n) => !skip.includes(n));

async function answer({ buffer, clock }: Bench, verdict: Verdict): Promise<MessageId[]> {
  const waiting = (await buffer.outbox.heads()).filter(({ state }) => state === 'prepared');
  for (const { message } of waiting) {
    const number = await buffer.outbox.beginAttempt(message.id, clock.now());
    const attempt = {
      message: message.id,
      number,
      startedAt: clock.now(),
      endedAt: clock.now(),
      outcome: 'answered' as const,
      detail: '',
    };
    await buffer.outbox.endAttempt(attempt, {
      message: message.id,
      verdict,
      reasons: [],
      receivedAt: clock.now(),
      xml: '<a/>',
    });
  }
  return waiting.map(({ message }) => message.id);
}

async function trimByAge(retained: Parameters<typeof ageRound>[0]) {
  const round = ageRound(retained);
  while (await round.pass());
  return round.counts;
}

async function closed(rounds: ReturnType<typeof dayOf>[], points = POINTS, of = site) {
  const made = await bench(AFTER);
  for (const round of rounds) await made.buffer.keepRound(round);
  const stages = stagesOf(made, points, of);
  await stages.profiler.follow();
  return { made, ...stages, queued: await stages.closer.closeDays() };
}

const pointsIn = async ({ buffer }: Bench, id: MessageId) => [
  ...new Set((await buffer.message(id))!.carried.map(({ point }) => point)),
];

describe('a day that is over', () => {
  it('is not closed before its time', async () => {
    const made = await bench(DAY.end + 9 * MINUTE_MS);
    await made.buffer.keepRound(dayOf('meter'));
    const { profiler, closer } = stagesOf(made);
    await profiler.follow();
    expect(await closer.closeDays()).toBe(0);
  });

  it('goes into one message with all its points, once', async () => {
    const { made, closer, queued } = await closed([dayOf('meter'), dayOf('other')]);
    expect(queued).toBe(1);
    const [id] = await answer(made, 'accepted');
    expect(await pointsIn(made, id!)).toEqual([GAS, OTHER]);
    expect(await closer.closeDays()).toBe(0);
    const again = await made.restart();
    const { profiler, closer: after } = stagesOf(again);
    await profiler.follow();
    expect(await after.closeDays()).toBe(0);
  });

  it('that still waits is not finished again without a new reading, nor for what happens to a message of another day', async () => {
    const made = await bench(AFTER + 24 * HOUR_MS);
    const next = gasDay('2026-06-02');
    for (const device of ['meter', 'other']) {
      await made.buffer.keepRound(dayOf(device, DAY.start, [10]));
      await made.buffer.keepRound(dayOf(device, next.start));
    }
    const finished: UtcMs[] = [];
    const { profiler } = stagesOf(made);
    const watched = {
      ...profiler,
      finish: (plan: PointPlan, day: typeof DAY) => {
        finished.push(day.start);
        return profiler.finish(plan, day);
      },
    };
    const closer = createCloser({
      site,
      points: POINTS,
      packs: new Map([['gas', gasPack] as const]),
      buffer: made.buffer,
      profiler: watched,
      clock: made.clock,
      log: SILENT,
      installedAt: INSTALLED,
    });
    await profiler.follow();
    while ((await closer.closeDays()) > 0);
    expect(finished.filter((start) => start === next.start)).toHaveLength(POINTS.length);
    finished.length = 0;
    await made.buffer.keepRound([aReading(next.end + MINUTE_MS, '1072.1', { source: 'sampled' })]);
    await answer(made, 'rejected');
    await closer.closeDays();
    expect([...new Set(finished)]).toEqual([next.start]);
    // A lost record makes no sound: once a day everything that waits is looked through.
    made.clock.stepWall(24 * HOUR_MS);
    finished.length = 0;
    await closer.closeDays();
    expect(finished).toContain(DAY.start);
  });

  it.each([
    ['the place where the closer stood is lost', 0],
    ['a person goes back to a day before it', INSTALLED],
  ])('is not made and sent again after its intervals and messages were given up, when %s', async (_, at) => {
    const of = aSite({
      combustionHeat: site.combustionHeat,
      storage: { retention: { intervalsDays: 60, messagesDays: 60 } },
    });
    const { made, closer, queued } = await closed([dayOf('meter'), dayOf('other')], POINTS, of);
    expect(queued).toBe(1);
    await answer(made, 'accepted');
    await closer.closeDays();
    made.clock.stepWall(70 * 24 * HOUR_MS);
    const { buffer, clock } = made;
    expect(await trimByAge({ storage: of.storage, buffer, now: clock.now() })).toMatchObject({ intervals: 96 });
    await buffer.setCursor('closer/gas', at);
    const again = await made.restart();
    const { profiler, closer: after } = stagesOf(again, POINTS, of);
    await profiler.follow();
    await after.closeDays();
    expect((await again.buffer.outbox.heads()).map(({ message }) => message.day)).toEqual([]);
  });

  it.each([
    ['as it was left', [], false],
    ['made again from readings that are kept longer', ['meter', 'other'], false],
    ['what says so is damaged', [], true],
    ['what says so is damaged, made again from readings that are kept longer', ['meter', 'other'], true],
  ])('is not sent again when the site file states more days after it was given up: %s', async (_, again, isHurt) => {
    const with60 = (intervalsDays: number) =>
      aSite({ combustionHeat: site.combustionHeat, storage: { retention: { intervalsDays, messagesDays: 60 } } });
    const { made } = await closed([dayOf('meter'), dayOf('other')], POINTS, with60(60));
    await answer(made, 'accepted');
    made.clock.stepWall(70 * 24 * HOUR_MS);
    const { buffer, clock } = made;
    const trim = () => trimByAge({ storage: with60(60).storage, buffer, now: clock.now() });
    await stagesOf(made, POINTS, with60(60)).closer.closeDays();
    expect(await trim()).toMatchObject({ intervals: 96 });
    while (Object.keys(await trim()).length > 0);
    await buffer.setCursor('closer/gas', INSTALLED);
    for (const [key, value] of isHurt ? await made.store.range({ gte: 'g/', lt: 'g0' }) : [])
      await made.store.batch([{ kind: 'put', key, value: value.map((byte, n) => (n === 30 ? byte ^ 1 : byte)) }]);
    const after = await made.restart();
    const { profiler, closer } = stagesOf(after, POINTS, with60(400));
    for (const device of again) await after.buffer.nameReadingsAgain(device, DAY);
    await profiler.follow();
    expect(await closer.closeDays()).toBe(0);
    const { counts } = await after.buffer.ledger([{ point: GAS, channel: 'volume', spans: cut(DAY, 60) }]);
    expect(counts).toMatchObject({ givenUp: 24, missing: 0, pending: 0 });
  });

  it('is closed however old it is, when it was never accepted', async () => {
    const of = aSite({
      combustionHeat: site.combustionHeat,
      storage: { retention: { intervalsDays: 60, messagesDays: 60 } },
    });
    const { made, closer, profiler, queued } = await closed(
      [dayOf('meter', DAY.start, [10]), dayOf('other')],
      POINTS,
      of,
    );
    expect(queued).toBe(1);
    await answer(made, 'accepted');
    made.clock.stepWall(70 * 24 * HOUR_MS);
    const { buffer, clock } = made;
    await trimByAge({ storage: of.storage, buffer, now: clock.now() });
    await buffer.keepRound(dayOf('meter'));
    await profiler.follow();
    expect(await closer.closeDays()).toBe(1);
    expect(await pointsIn(made, (await answer(made, 'accepted'))[0]!)).toEqual([GAS]);
  });

  it('is not sent again after a restart while its answer is awaited', async () => {
    const { made } = await closed([dayOf('meter'), dayOf('other')]);
    const [queued] = await made.buffer.outbox.heads();
    await made.buffer.outbox.beginAttempt(queued!.message.id, made.clock.now());
    const again = await made.restart();
    expect(await stagesOf(again).closer.closeDays()).toBe(0);
    expect(await again.buffer.outbox.heads()).toHaveLength(1);
  });

  it('a point that is not complete does not hold the others, and follows when it is', async () => {
    const { made, profiler, closer, queued } = await closed([dayOf('meter'), dayOf('other', DAY.start, [10])]);
    expect(queued).toBe(1);
    const [first] = await answer(made, 'accepted');
    expect(await pointsIn(made, first!)).toEqual([GAS]);
    expect(await closer.closeDays()).toBe(0);
    await made.buffer.keepRound(dayOf('other'));
    await profiler.follow();
    expect(await closer.closeDays()).toBe(1);
    const [second] = await answer(made, 'accepted');
    expect(await pointsIn(made, second!)).toEqual([OTHER]);
  });

  it('a point that the pack cannot tell of does not hold the others of its message', async () => {
    const { computed: _, ...statuses } = gasPack.statuses;
    const made = await bench(AFTER);
    const samples = [-5, 5].map((minutes) =>
      aReading(DAY.start + 10 * HOUR_MS + minutes * MINUTE_MS, decimal(1_015_000 + minutes * 25, -3), {
        source: 'sampled',
      }),
    );
    await made.buffer.keepRound([...dayOf('meter', DAY.start, [10]), ...samples]);
    await made.buffer.keepRound(dayOf('other'));
    const { profiler, closer } = stagesOf(made, POINTS, site, { ...gasPack, statuses });
    await profiler.follow();
    expect(await closer.closeDays()).toBe(1);
    const [id] = await answer(made, 'accepted');
    expect(await pointsIn(made, id!)).toEqual([OTHER]);
  });

  it('the newest goes first', async () => {
    const { made, closer } = await closed([dayOf('meter'), dayOf('other')]);
    await answer(made, 'rejected');
    made.clock.stepWall(48 * HOUR_MS);
    for (const n of [1, 2])
      for (const device of ['meter', 'other']) await made.buffer.keepRound(dayOf(device, DAY.start + n * 24 * HOUR_MS));
    await stagesOf(made).profiler.follow();
    expect(await closer.closeDays()).toBe(2);
    const ids = await answer(made, 'accepted');
    const days = await Promise.all(ids.map(async (id) => (await made.buffer.message(id))!.day));
    expect(days).toEqual(['2026-06-03', '2026-06-02']);
  });

  it('that was rejected waits for a person, and goes again when one has decided', async () => {
    const { made, closer } = await closed([dayOf('meter'), dayOf('other')]);
    await answer(made, 'rejected');
    expect(await closer.closeDays()).toBe(0);
    const again = await made.restart();
    const stages = stagesOf(again);
    expect(await stages.closer.closeDays()).toBe(0);
    const [hour] = await again.buffer.intervals(GAS, 'volume', DAY);
    await again.buffer.keepIntervals([
      { ...hour!, value: decimal(1), quality: 'substituted', version: hour!.version + 1 },
    ]);
    expect(await stages.closer.closeDays()).toBe(1);
    const [id] = await answer(again, 'accepted');
    expect((await again.buffer.message(id!))!.corrects).toBeUndefined();
    expect(await pointsIn(again, id!)).toEqual([GAS]);
  });
});

describe('a correction', () => {
  const computed = [
    ...dayOf('meter', DAY.start, [10]),
    ...[-5, 5].map((minutes) =>
      aReading(DAY.start + 10 * HOUR_MS + minutes * MINUTE_MS, decimal(1_015_000 + minutes * 25, -3), {
        source: 'sampled',
      }),
    ),
  ];
  const late = aReading(DAY.start + 10 * HOUR_MS, '1015.010');

  it('is made when a better value comes, and names what it corrects', async () => {
    const { made, profiler, closer } = await closed([computed, dayOf('other')]);
    const [first] = await answer(made, 'accepted');
    await closer.closeDays();
    await made.buffer.keepRound([late]);
    await profiler.follow();
    expect(await closer.closeDays()).toBe(1);
    const [second] = await answer(made, 'accepted');
    const message = (await made.buffer.message(second!))!;
    expect(message.corrects).toBe(first);
    expect(await pointsIn(made, second!)).toEqual([GAS]);
    expect(await closer.closeDays()).toBe(0);
  });

  it('can be followed by another of the same day, which carries what both told', async () => {
    const { made, closer } = await closed([computed, dayOf('other')]);
    await answer(made, 'accepted');
    const ids: (string | undefined)[] = [];
    for (const [n, value] of [decimal(11), decimal(12)].entries()) {
      const [hour] = await made.buffer.intervals(GAS, 'volume', DAY);
      const { version } = hour!;
      await made.buffer.keepIntervals([{ ...hour!, value, quality: 'substituted', version: version + 1 }]);
      expect(await closer.closeDays()).toBe(1);
      ids.push(...(await answer(made, 'accepted')));
      expect((await made.buffer.message(ids[n]!))!.corrects).toBeDefined();
    }
    expect((await made.buffer.message(ids[1]!))!.corrects).toBe(ids[0]);
    const spans = cut(DAY, 60);
    const { counts } = await made.buffer.ledger([{ point: GAS, channel: 'volume', spans }]);
    expect(counts).toMatchObject({ accepted: 24, doubled: 0 });
  });

  it('is made also for a day that was done long ago, and also when the program stopped in between', async () => {
    const { made, closer } = await closed([computed, dayOf('other')]);
    await answer(made, 'accepted');
    await closer.closeDays();
    made.clock.stepWall(24 * HOUR_MS);
    for (const device of ['meter', 'other']) await made.buffer.keepRound(dayOf(device, DAY.end));
    const stages = stagesOf(made);
    await stages.profiler.follow();
    expect(await stages.closer.closeDays()).toBe(1);
    await answer(made, 'accepted');
    await stages.closer.closeDays();
    await made.buffer.keepRound([late]);
    await stages.profiler.follow();
    const again = await made.restart();
    const later = stagesOf(again);
    expect(await later.closer.closeDays()).toBe(1);
    const [id] = await answer(again, 'accepted');
    expect((await again.buffer.message(id!))!.day).toBe('2026-06-01');
    expect(await later.closer.closeDays()).toBe(0);
  });

  it('is not made for a finding alone', async () => {
    const { made, closer } = await closed([dayOf('meter'), dayOf('other')]);
    await answer(made, 'accepted');
    await closer.closeDays();
    const before = (await made.buffer.intervals(GAS, 'volume', DAY)).map(told);
    // The same instant told with another value: somebody must look, but what was sent stands.
    await made.buffer.keepRound([aReading(DAY.start + HOUR_MS, '999999')]);
    const stages = stagesOf(made);
    await stages.profiler.follow();
    await stages.profiler.finish(POINTS[0]!, DAY);
    expect(await stages.closer.closeDays()).toBe(0);
    expect((await made.buffer.intervals(GAS, 'volume', DAY)).map(told)).toEqual(before);
  });
});

describe('estimates over the end of a day that were accepted', () => {
  it('are corrected in both days when the archive delivers an index in one of them', async () => {
    const point = aPoint(aPlan(), { estimation: { linearMinutesMax: 1440, scaled: false, likeDay: false } });
    const both = { start: DAY.start, end: DAY.end + 24 * HOUR_MS };
    const made = await bench(both.end + HOUR_MS);
    const gap = [21, 22, 23, 24, 25, 26, 27];
    await made.buffer.keepRound([
      ...dayOf('meter', DAY.start, gap),
      ...dayOf('meter', DAY.end).filter(({ at }) => at >= DAY.end + 4 * HOUR_MS),
    ]);
    const { profiler, closer } = stagesOf(made, [point]);
    await profiler.follow();
    expect(await closer.closeDays()).toBe(2);
    const sent = await answer(made, 'accepted');
    expect(await closer.closeDays()).toBe(0);

    await made.buffer.keepRound([aReading(DAY.start + 22 * HOUR_MS, '1039.000')]);
    await profiler.follow();
    expect(await closer.closeDays()).toBe(2);
    const corrections = await answer(made, 'accepted');
    const corrected = await Promise.all(corrections.map(async (id) => (await made.buffer.message(id))!.corrects));
    expect(new Set(corrected)).toEqual(new Set(sent));
    const volumes = await made.buffer.intervals(GAS, 'volume', both);
    expect(decimalText(volumes.reduce((total, { value }) => add(total, value ?? ZERO), ZERO))).toBe('72.000');
  });
});

describe('combustion heat', () => {
  it('that comes late lets the waiting day go', async () => {
    const made = await bench(AFTER);
    for (const device of ['meter', 'other']) await made.buffer.keepRound(dayOf(device));
    let heat = false;
    const of = aSite();
    const profiler = createProfiler({
      ...made,
      site: of,
      points: POINTS,
      heatOn: () => (heat ? decimal(105, -1) : undefined),
    });
    const closer = createCloser({
      ...made,
      site: of,
      points: POINTS,
      packs: new Map([['gas', gasPack] as const]),
      profiler,
      log: SILENT,
      installedAt: INSTALLED,
    });
    await profiler.follow();
    expect(await closer.closeDays()).toBe(0);
    heat = true;
    expect(await profiler.reheat(['2026-06-01'])).toBe(48);
    expect(await closer.closeDays()).toBe(1);
  });
});
