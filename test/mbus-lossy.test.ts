import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMbusDriver } from '../drivers/mbus/index.ts';
import { createCollector } from '../src/collect/collector.ts';
import { decimalText } from '../src/core/decimal.ts';
import { parseUtc } from '../src/core/time.ts';
import type { BoundDevice } from '../src/device/bound.ts';
import { deviceModelSchema } from '../src/device/model.ts';
import { deviceSchema, siteSchema } from '../src/device/site.ts';
import { simClock } from '../src/sim/clock.ts';
import { simEntropy } from '../src/sim/entropy.ts';
import { type LineFault, type SimMeter, simLine } from '../src/sim/line.ts';
import { simLog } from '../src/sim/log.ts';
import { mbusBus } from '../src/sim/meter/mbus-bus.ts';
import { integer, record } from '../src/sim/meter/mbus-encode.ts';
import { createWorld } from '../src/sim/world.ts';

/**
 * The collector and the M-Bus driver with meters that are strict about the frame count bit, on a line that loses, delays and
 * spoils. Each meter counts the milliseconds, so that an old telegram which passes for a new one shows itself.
 */
const START = parseUtc('2026-03-28T05:01:00Z');
const VALUE = { quantity: 'volume.base', unit: 'm3' };
const MINUTES = 6;

const MODEL = deviceModelSchema.parse({
  maker: 'Test',
  model: 'Meter',
  medium: 'gas',
  protocol: 'mbus',
  hardwareTested: false,
  source: 'made by hand',
  replyTimeoutMs: 200,
  readings: [{ ...VALUE, kind: 'counter', mbus: { value: 'volume' } }],
  tests: [{ name: 'none', source: 'made by hand', now: '', expect: [{ ...VALUE, value: '0' }] }],
});

function device(address: number): BoundDevice {
  const config = deviceSchema.parse({ id: `m${address}`, model: 'test/meter', line: 'bus', address });
  return { config, model: MODEL, framing: 'mbus', zone: 'Europe/Prague' };
}

/** Readings kept, how many of their values were older than their dialogue, and how often SND_NKE was left out. */
async function collected(seed: number, weather: (chance: number) => LineFault | undefined, countsAnswers: boolean) {
  const world = createWorld(seed);
  const clock = simClock(world, START);
  const telegrams = () => [record({ vif: [0x16], data: integer(Math.floor(world.monotonicMs()), 4) })];
  const meters = [1, 2, 3].map((primary) => ({
    primary,
    id: `1234567${primary}`,
    manufacturer: 'KAM',
    version: 1,
    medium: 3,
  }));
  const bus = mbusBus(meters.map((meter) => ({ ...meter, countsAnswers, telegrams })));
  const sent: string[] = [];
  const sim: SimMeter = (request) => {
    sent.push((request[1]! & 0x0f) === 0x0b ? 'REQ_UD2' : 'SND_NKE');
    const reply = bus(request, 0);
    return reply ? [{ reply, afterMs: 20 }] : [];
  };
  const line = simLine(world, {
    meters: [sim],
    random: world.random,
    lateAfterReopen: true,
    weather: () => weather(world.random.fraction()),
  });
  const [readings, old]: [string[], string[]] = [[], []];
  const collector = createCollector({
    lines: [{ id: 'bus', line, devices: meters.map(({ primary }) => device(primary)) }],
    drivers: new Map([['mbus', createMbusDriver()]]),
    settings: { ...siteSchema.shape.collect.parse({}), everyMs: 1_000, clockOffMsMax: 60_000 },
    boundaryMinutes: () => undefined,
    gaps: async () => [],
    sink: {
      async keep({ startedAt, endedAt, readings: kept }) {
        for (const { value } of kept) {
          const told = START + Number(decimalText(value));
          readings.push(decimalText(value));
          if (told < startedAt || told > endedAt) old.push(`${told - startedAt} ms of its dialogue`);
        }
      },
    },
    clock,
    entropy: simEntropy(world.random),
    log: simLog(clock),
  });
  const stop = new AbortController();
  await world.run(async () => {
    world.after(MINUTES * 60_000, () => stop.abort());
    await collector.run(stop.signal);
  });
  const leftOut = sent.filter((kind) => kind === 'REQ_UD2').length - sent.filter((kind) => kind === 'SND_NKE').length;
  return { readings: readings.length, old, leftOut };
}

const FAULTS: readonly LineFault[] = [
  { kind: 'silence' },
  { kind: 'late', byMs: 250 },
  { kind: 'truncated', keep: 7 },
  { kind: 'noise', flips: 1 },
  { kind: 'disconnect' },
];

test('on a good line SND_NKE is left out almost always, and every value is of its dialogue', async () => {
  const { readings, old, leftOut } = await collected(1, () => undefined, true);
  expect(old).toEqual([]);
  expect(readings).toBeGreaterThan(3 * 60 * (MINUTES - 1));
  expect(leftOut).toBeGreaterThan(readings - 10);
});

test('in any weather no value is older than its dialogue, whether or not meters count their answers', async () => {
  const seeds = fc.integer({ min: 1, max: 1_000_000 });
  const share = fc.double({ min: 0.01, max: 0.3, noNaN: true });
  let leftOut = 0;
  await fc.assert(
    fc.asyncProperty(seeds, share, fc.boolean(), async (seed, bad, countsAnswers) => {
      const weather = (chance: number) =>
        chance < bad ? FAULTS[Math.floor((chance / bad) * FAULTS.length)] : undefined;
      const run = await collected(seed, weather, countsAnswers);
      leftOut += Math.max(0, run.leftOut);
      expect(run.old).toEqual([]);
      expect(run.readings).toBeGreaterThan(30);
    }),
    { numRuns: 25 },
  );
  expect(leftOut).toBeGreaterThan(100);
});
