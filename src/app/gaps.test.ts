import { describe, expect, it } from 'vitest';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import type { BoundDevice } from '../device/bound.ts';
import { aPlan, aPoint, aReading, bench, powerPlan, powerReading } from './app.testkit.ts';
import { createGapMemory, gapsOf } from './gaps.ts';

const START = Date.UTC(2026, 5, 1, 4);
const at = (hours: number) => START + hours * HOUR_MS;
/** Only its name is asked for. */
const DEVICE = { config: { id: 'meter' } } as BoundDevice;

async function gaps(stored: readonly number[], now: number, points = [aPoint()], since = START) {
  const { buffer } = await bench(now);
  await buffer.keepRound(stored.map((hours) => aReading(at(hours), `${100 + hours}`)));
  return gapsOf(DEVICE, points, buffer, since, now);
}

describe('what an archive is asked for', () => {
  it('is nothing when every boundary is there', async () => {
    expect(await gaps([0, 1, 2, 3], at(3) + MINUTE_MS)).toEqual([]);
  });

  it('is each run of missing boundaries, from the one before it', async () => {
    expect(await gaps([0, 3, 5], at(6) + MINUTE_MS)).toEqual([
      { start: at(0), end: at(2) },
      { start: at(3), end: at(4) },
      { start: at(5), end: at(6) },
    ]);
  });

  it('does not reach back before the day that is answered for, nor further than 40 days', async () => {
    expect(await gaps([], at(2), undefined, at(1))).toEqual([{ start: at(0), end: at(2) }]);
    const [first] = await gaps([], at(41 * 24), undefined, START);
    expect(first!.start).toBe(at(24 - 1));
  });

  it('is looked for only where it was not found before, until a record is found damaged or a day has passed', async () => {
    const { buffer } = await bench(at(3));
    await buffer.keepRound([0, 1, 2].map((hours) => aReading(at(hours), `${100 + hours}`)));
    const asked: number[] = [];
    let damages = 0;
    const watched: typeof buffer = {
      ...buffer,
      damages: () => damages,
      readings: (device, quantity, span, ...rest) => {
        asked.push(span.start);
        return buffer.readings(device, quantity, span, ...rest);
      },
    };
    const memory = createGapMemory();
    const look = (now: number) => gapsOf(DEVICE, [aPoint()], watched, START, now, memory);
    expect(await look(at(2))).toEqual([]);
    expect(await look(at(3))).toEqual([{ start: at(2), end: at(3) }]);
    expect(asked.splice(0)).toEqual([at(-1), at(2)]);
    damages = 1;
    expect(await look(at(3))).toEqual([{ start: at(2), end: at(3) }]);
    expect(asked.splice(0)).toEqual([at(-1)]);
    await look(at(27));
    expect(asked).toEqual([at(-1)]);
  });

  it('is nothing of a meter that keeps nothing', async () => {
    const counters = [{ device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores: false } as const];
    expect(await gaps([0], at(5), [aPoint(aPlan({ counters }))])).toEqual([]);
  });

  it('a sample is no frozen index', async () => {
    const { buffer } = await bench(at(2));
    const plan = powerPlan({
      counters: [{ device: 'meter', quantity: 'energy.active.import', unit: 'kWh', stores: true }],
    });
    await buffer.keepRound([powerReading(START, '1'), powerReading(START + 15 * MINUTE_MS, '2', [], 'stored')]);
    const found = await gapsOf(DEVICE, [aPoint(plan)], buffer, START, START + 20 * MINUTE_MS);
    expect(found).toEqual([{ start: START - 15 * MINUTE_MS, end: START }]);
  });
});
