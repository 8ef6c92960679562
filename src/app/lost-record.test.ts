import { describe, expect, it } from 'vitest';
import { add, decimal, decimalText, ZERO } from '../core/decimal.ts';
import { cut } from '../core/schedule.ts';
import { HOUR_MS } from '../core/time.ts';
import { aPlan, aPoint, aReading, aSite, bench, GAS, gasDay, told } from './app.testkit.ts';
import { createProfiler } from './profiler.ts';

const NAME = '2026-06-10';
const DAY = gasDay(NAME);
const at = (hour: number) => DAY.start + hour * HOUR_MS;
const counter = { device: 'meter', quantity: 'volume.base.total', unit: 'm3', stores: false } as const;
const estimation = { linearMinutesMax: 1440, scaled: false, likeDay: true };
/** Frozen index and none: what is sampled only is gone when its samples are. */
const point = aPoint(aPlan({ counters: [counter] }), { estimation });

/** A finished day of 1.5 m3 an hour whose samples were given up, with nothing read from 8 to 12 o'clock. */
async function finishedDay() {
  const made = await bench(DAY.end + 26 * HOUR_MS);
  const { buffer, clock, store } = made;
  const profiler = createProfiler({ site: aSite(), points: [point], buffer, clock });
  for (const [n, hour] of [...cut({ start: DAY.start, end: DAY.end + HOUR_MS }, 60)].entries())
    if (n <= 8 || n >= 12)
      await buffer.keepRound([aReading(hour.start, decimal(1_000_000 + 1_500 * n, -3), { source: 'sampled' })]);
  await profiler.follow();
  const finish = async () => {
    await profiler.finish(point, DAY);
    return buffer.intervals(GAS, 'volume', DAY);
  };
  const before = await finish();
  await buffer.trim('samples', { olderThan: DAY.end + HOUR_MS, now: clock.now(), entriesMax: 1_000 });
  /** A bit falls over in the record of an hour, and the scrubber comes by. */
  const damage = async (hour: number) => {
    const key = `i/${GAS}/volume/${new Date(at(hour)).toISOString()}/000001`;
    const value = (await store.get(key))!.slice();
    value[50]! ^= 1;
    await store.batch([{ kind: 'put', key, value }]);
    await buffer.quarantine([{ key, detail: 'checksum' }]);
  };
  const stateOf = async (hour: number) => {
    const spans = [{ start: at(hour), end: at(hour + 1) }];
    return (await buffer.ledger([{ point: GAS, channel: 'volume', spans }])).rows[0]!.state;
  };
  return { ...made, before, finish, damage, stateOf };
}

const sum = (values: Awaited<ReturnType<Awaited<ReturnType<typeof finishedDay>>['finish']>>) =>
  decimalText(values.reduce((total, { value }) => add(total, value ?? ZERO), ZERO));

describe('an interval whose record is damaged when its samples are gone', () => {
  it('is made again beside a gap: the estimate there rests on the index between the two', async () => {
    const { before, finish, damage, stateOf } = await finishedDay();
    expect([told(before[7]!).quality, sum(before)]).toEqual(['computed', '36.000']);
    await damage(7);
    expect((await finish()).map(told)).toEqual(before.map(told));
    expect(await stateOf(7)).toBe('pending');
  });

  it('is not estimated where nothing tells its own part: it is lost until a person enters it', async () => {
    const { before, finish, damage, stateOf } = await finishedDay();
    await damage(3);
    await damage(4);
    for (let times = 0; times < 2; times++) {
      const after = await finish();
      expect(after.slice(3, 5).map(({ quality }) => quality)).toEqual(['missing', 'missing']);
      expect([...after.slice(0, 3), ...after.slice(5)]).toEqual([...before.slice(0, 3), ...before.slice(5)]);
      expect([await stateOf(3), await stateOf(4)]).toEqual(['lost', 'lost']);
    }
  });

  it('is estimated again where it was told as an estimate, and is that version', async () => {
    const { buffer, before, finish, damage } = await finishedDay();
    const carried = before.map(({ point: of, channel, start, version }) => ({ point: of, channel, start, version }));
    const message = { commodity: 'gas', day: NAME, pack: 'test', madeAt: DAY.end, xml: '<a/>', carried } as const;
    await buffer.queueMessage((id) => ({ ...message, id }));
    await damage(9);
    await damage(10);
    expect((await finish()).map(told)).toEqual(before.map(told));
    expect((await buffer.intervals(GAS, 'volume', DAY)).map(({ version }) => version)).toEqual(Array(24).fill(1));
  });
});
