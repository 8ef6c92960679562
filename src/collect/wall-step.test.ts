import { expect, test } from 'vitest';
import { HOUR_MS, isoUtc, MINUTE_MS, type Millis } from '../core/time.ts';
import { inPark, type Park, type ParkOptions, readingsOf, START } from './park.testkit.ts';

const lines = [[{ address: 1 }, { address: 2 }], [{ address: 3 }]];

function steps({ log }: Pick<Park, 'log'>) {
  return log.lines.filter(({ event }) => event === 'wall-clock-stepped').map(({ fields }) => Number(fields.byMs));
}

function samples({ rounds }: Pick<Park, 'rounds'>) {
  return readingsOf(rounds, 'm1').filter(({ source }) => source === 'sampled');
}

test.each([
  ['back', -10 * MINUTE_MS],
  ['forward', 10 * MINUTE_MS],
])('a step %s is told once, and the first sample of each device behind it is marked', async (_name, byMs) => {
  await inPark({ lines }, async (park) => {
    await park.clock.sleep(20.5 * MINUTE_MS);
    const before = park.rounds.length;
    park.clock.stepWall(byMs);
    await park.clock.sleep(20 * MINUTE_MS);
    expect(steps(park)).toEqual([byMs]);
    for (const device of ['m1', 'm2', 'm3']) {
      expect(readingsOf(park.rounds.slice(0, before), device).some(({ flags }) => flags.length > 0)).toBe(false);
      const marks = readingsOf(park.rounds.slice(before), device).map(({ flags }) => flags.join());
      expect(marks).toEqual(['wall-stepped', ...marks.slice(1).map(() => '')]);
      expect(marks.length).toBeGreaterThan(5);
    }
  });
});

test('after a step back samples stay in the order of time: what was sampled already is not sampled again', async () => {
  await inPark({ lines }, async (park) => {
    await park.clock.sleep(20.5 * MINUTE_MS);
    const newest = samples(park).at(-1)!.at;
    park.clock.stepWall(-10 * MINUTE_MS);
    await park.clock.sleep(30 * MINUTE_MS);
    const instants = samples(park).map(({ at }) => at);
    expect(instants).toEqual([...instants].sort((a, b) => a - b));
    expect(instants.find((at) => at > newest)! - newest).toBeLessThan(2 * MINUTE_MS);
    const told = park.log.lines.filter(({ event }) => event === 'samples-repeated');
    expect(new Set(told.map(({ fields }) => fields.device))).toEqual(new Set(['m1', 'm2', 'm3']));
    expect(told.map(({ fields }) => fields.until)).toContain(isoUtc(newest));
  });
});

test('a step in the middle of a dialogue: the sample stands where the new time says', async () => {
  await inPark({ lines: [[{ address: 1, replyMs: 100 }]] }, async (park) => {
    await park.clock.sleep(50);
    park.clock.stepWall(HOUR_MS);
    await park.clock.sleep(1_000);
    const [first] = samples(park);
    // The index counts the true time since the start, and was taken when the request came.
    expect(Math.abs(first!.at - (START + HOUR_MS) - Number(first!.value.coefficient))).toBeLessThanOrEqual(
      first!.uncertaintyMs,
    );
    expect(first!.uncertaintyMs).toBeLessThan(1_000);
    expect(first!.flags).toEqual(['wall-stepped']);
  });
});

test.each<[string, ParkOptions, (park: Park) => void, Millis]>([
  ['a clock that is slewed as fast as chrony does', { lines }, ({ clock }) => clock.drift(-83_333), 2 * HOUR_MS],
  ['a clock that drifts', { lines }, ({ clock }) => clock.drift(500), 3 * HOUR_MS],
  ['a rehearsal a thousand times as fast', { lines, wallFaster: 1_000 }, () => undefined, 30_000],
  // The two clocks are not read at one instant: a second of the wire is a quarter of an hour there.
  [
    '... where the program was held up for a moment',
    { lines, wallFaster: 1_000 },
    ({ clock }) => clock.stepWall(1_000_000),
    30_000,
  ],
  [
    'meters asked every quarter of an hour',
    { lines, settings: { everyMs: 900_000 } },
    ({ clock }) => clock.drift(83_333),
    HOUR_MS,
  ],
])('%s makes no step', async (_name, options, story, forMs) => {
  await inPark(options, async (park) => {
    story(park);
    await park.clock.sleep(forMs);
    expect(park.rounds.length).toBeGreaterThan(10);
    expect(steps(park)).toEqual([]);
    expect(samples(park).flatMap(({ flags }) => flags)).toEqual([]);
  });
});

test('a rehearsal that is set is told too, in its own time', async () => {
  await inPark({ lines, wallFaster: 1_000 }, async (park) => {
    await park.clock.sleep(1_000);
    park.clock.stepWall(-HOUR_MS);
    await park.clock.sleep(10_000);
    expect(steps(park)).toHaveLength(1);
    expect(Math.abs(steps(park)[0]! + HOUR_MS)).toBeLessThan(10);
  });
});
