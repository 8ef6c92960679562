import { describe, expect, test } from 'vitest';
import { type Failure, failure } from '../core/failure.ts';
import { HOUR_MS, MINUTE_MS } from '../core/time.ts';
import { inPark, type Park, type ToyMeter } from './park.testkit.ts';

const lines = (...meters: ToyMeter[]): ToyMeter[][] => [meters];

function told({ log }: Pick<Park, 'log'>, ...events: readonly string[]) {
  return log.lines.filter(({ event }) => events.includes(event)).map(({ event, fields }) => [event, fields] as const);
}

describe('what a meter says that cannot be used', () => {
  const torn = (n: number): Failure => failure('clock-not-credible', `record ${n}: the stamp is torn`);

  test('is told once, not every minute, also where its detail names another record each time; and when it is over', async () => {
    const meter = { address: 1, told: { unusable: [torn(0)] as readonly Failure[] } };
    await inPark({ lines: lines(meter, { address: 2 }) }, async (park) => {
      for (let n = 1; n <= 6 * 60; n++) {
        await park.clock.sleep(MINUTE_MS);
        meter.told = { unusable: [torn(n)] };
      }
      const first = { device: 'm1', line: 'bus-0', code: 'clock-not-credible', detail: torn(0).detail };
      expect(told(park, 'value-unusable')).toEqual([['value-unusable', first]]);
      const [m1, m2] = park.collector.status().devices;
      expect(m1?.lastUnusable).toMatchObject({ code: 'clock-not-credible', detail: torn(6 * 60 - 1).detail });
      expect(m1?.failuresInRow).toBe(0);
      expect(m2?.lastUnusable).toBeUndefined();
      meter.told = { unusable: [] };
      await park.clock.sleep(2 * HOUR_MS);
      expect(told(park, 'value-usable-again')).toHaveLength(1);
    });
  });

  test('is told again when it is something else, and a second kind beside it at once', async () => {
    const meter = { address: 1, told: { unusable: [failure('value-invalid', 'volume: error digits')] } };
    await inPark({ lines: lines(meter) }, async (park) => {
      await park.clock.sleep(5 * MINUTE_MS);
      meter.told.unusable = [failure('value-invalid', 'temperature: error digits'), torn(1)];
      await park.clock.sleep(2 * HOUR_MS);
      expect(told(park, 'value-unusable').map(([, { detail }]) => detail)).toEqual([
        'volume: error digits',
        torn(1).detail,
        'temperature: error digits',
      ]);
    });
  });

  test('that comes and goes every minute does not flood the log', async () => {
    const meter = { address: 1, told: { unusable: [] as readonly Failure[] } };
    await inPark({ lines: lines(meter) }, async (park) => {
      for (let n = 0; n < 24 * 60; n++) {
        meter.told = { unusable: n % 2 === 0 ? [failure('value-invalid', n % 4 === 0 ? 'volume' : 'flow')] : [] };
        await park.clock.sleep(MINUTE_MS);
      }
      expect(told(park, 'value-unusable', 'value-usable-again').length).toBeLessThanOrEqual(25);
    });
  });
});

describe("a meter's clock", () => {
  test('that is too far off is told with its drift, again when it is twice as far, and when it is right', async () => {
    const meter = { address: 1, clockOffMs: 90_000 };
    await inPark({ lines: lines(meter) }, async (park) => {
      await park.clock.sleep(3 * HOUR_MS);
      meter.clockOffMs = 100_000;
      await park.clock.sleep(3 * HOUR_MS);
      meter.clockOffMs = 200_000;
      await park.clock.sleep(3 * HOUR_MS);
      meter.clockOffMs = 0;
      await park.clock.sleep(3 * HOUR_MS);
      const said = told(park, 'meter-clock-off', 'meter-clock-right');
      const seconds = (offsetMs: unknown) => Math.round(Number(offsetMs) / 1_000) + 0;
      expect(said.map(([event, { clockOffsetMs }]) => [event, seconds(clockOffsetMs)])).toEqual([
        ['meter-clock-off', 90],
        ['meter-clock-off', 200],
        ['meter-clock-right', 0],
      ]);
    });
  });

  test('that stands still is off by more every minute, and still no flood', async () => {
    const meter = { address: 1, clockOffMs: 0 };
    await inPark({ lines: lines(meter) }, async (park) => {
      for (let n = 0; n < 48 * 60; n++) {
        await park.clock.sleep(MINUTE_MS);
        meter.clockOffMs -= MINUTE_MS;
      }
      expect(told(park, 'meter-clock-off').length).toBeGreaterThan(3);
      expect(told(park, 'meter-clock-off').length).toBeLessThan(12);
    });
  });
});

describe('a meter whose serial the site file does not name', () => {
  test('that was exchanged while the program stood still is not believed either', async () => {
    const meter = { address: 1, told: { serial: '99' } };
    await inPark({ lines: lines(meter), serialBefore: () => '00417321' }, async (park) => {
      await park.clock.sleep(5 * MINUTE_MS);
      expect(park.rounds).toHaveLength(0);
      expect(park.collector.status().devices[0]?.lastFailure?.code).toBe('identity-mismatch');
      // That it stands there is told, and nothing of what it said.
      expect(park.strangers[0]).toMatchObject({ device: 'm1', identity: { serial: '99' }, readings: [], unusable: [] });
    });
  });

  test('is shown with the serial it tells, and another in its place is not believed', async () => {
    const meter = { address: 1, told: { serial: '00417321' } };
    await inPark({ lines: lines(meter) }, async (park) => {
      await park.clock.sleep(5 * MINUTE_MS);
      const kept = park.rounds.length;
      expect(kept).toBeGreaterThan(3);
      meter.told = { serial: '99' };
      await park.clock.sleep(HOUR_MS);
      expect(park.rounds).toHaveLength(kept);
      const [status] = park.collector.status().devices;
      expect(status).toMatchObject({ serial: '00417321', lastFailure: { code: 'identity-mismatch' } });
      expect(status?.lastFailure?.detail).toContain('"99"');
      expect(park.log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
      // The old meter is back, and spells its number without the zeros.
      meter.told = { serial: '417321' };
      await park.clock.sleep(HOUR_MS);
      expect(park.rounds.length).toBeGreaterThan(kept);
    });
  });
});
