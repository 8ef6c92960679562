import { describe, expect, test } from 'vitest';
import { HOUR_MS, isoUtc, MINUTE_MS, parseUtc } from '../core/time.ts';
import { inPark, readingsOf, START, type ToyMeter, wrongOnes } from './park.testkit.ts';
import type { Round } from './round.ts';

const T = parseUtc('2026-03-28T05:00:00Z');

function meters(count: number, more: Partial<ToyMeter> = {}): ToyMeter[] {
  return Array.from({ length: count }, (_, n) => ({ address: n + 1, ...more }));
}

function perDevice(rounds: readonly Round[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { device } of rounds) counts.set(device, (counts.get(device) ?? 0) + 1);
  return counts;
}

describe('the boundary', () => {
  test('under load each meter is read just before and just after it', async () => {
    // Ten meters of 500 ms, polled without a rest: 5 s a round.
    await inPark(
      { lines: [meters(10, { replyMs: 500, replyTimeoutMs: 2_000 })], settings: { everyMs: 1_000 } },
      async (park) => {
        await park.clock.sleepUntil(T + MINUTE_MS);
        for (let address = 1; address <= 10; address++) {
          const times = readingsOf(park.rounds, `m${address}`).map(({ at }) => at);
          const before = times.filter((at) => at < T).at(-1)!;
          const after = times.find((at) => at >= T)!;
          expect(T - before).toBeLessThanOrEqual(6_500);
          expect(after - T).toBeLessThanOrEqual(5_000);
        }
        const first = park.asked.find(({ at }) => START + at >= T);
        expect(first && START + first.at).toBe(T);
      },
    );
  });

  test('a dead meter does not keep the others from it', async () => {
    await inPark({ lines: [meters(10, { replyTimeoutMs: 2_000 })] }, async (park) => {
      park.dead.add(1);
      await park.clock.sleepUntil(T + MINUTE_MS);
      const after = readingsOf(park.rounds).filter(({ at }) => at >= T && at < T + 500);
      expect(new Set(after.map(({ device }) => device)).size).toBe(9);
    });
  });

  test('a time-out right at the boundary gets a second try at once', async () => {
    await inPark({ lines: [meters(1)] }, async ({ clock, lines, rounds }) => {
      await clock.sleepUntil(T - 1);
      lines[0]!.faultNext({ kind: 'silence' });
      await clock.sleepUntil(T + 1_000);
      expect(readingsOf(rounds).some(({ at }) => at >= T && at < T + 500)).toBe(true);
    });
  });

  test('a value that the meter freezes late is fetched as soon as it is there, and kept once', async () => {
    const slow = { address: 1, stored: true, freezesAfterMs: 35_000 };
    await inPark({ lines: [[slow]], settings: { everyMs: 10 * MINUTE_MS } }, async ({ clock, rounds }) => {
      await clock.sleepUntil(T + 16 * MINUTE_MS);
      const stored = readingsOf(rounds).filter(({ source }) => source === 'stored');
      const boundaries = [T - 15 * MINUTE_MS, T, T + 15 * MINUTE_MS];
      expect(stored.map(({ at }) => isoUtc(at))).toEqual(boundaries.map(isoUtc));
      expect(stored[1]!.readAt - T).toBeLessThanOrEqual(41_000);
      expect(wrongOnes(rounds)).toEqual([]);
    });
  });

  test('a meter that never freezes is asked eight times, then named', async () => {
    const never = { address: 1, stored: true, freezesAfterMs: 14 * MINUTE_MS };
    await inPark({ lines: [[never]], settings: { everyMs: HOUR_MS } }, async ({ clock, asked, log }) => {
      await clock.sleepUntil(T + 13 * MINUTE_MS);
      expect(asked.filter(({ at }) => START + at > T)).toHaveLength(8);
      const missed = log.lines.filter(({ event }) => event === 'stored-value-missed');
      expect(missed.map(({ fields }) => fields.boundary)).toContain('2026-03-28T05:00:00Z');
    });
  });

  test('a wall that runs a thousand times as fast as the wire: boundaries are read, time-outs are not shortened', async () => {
    const park = { lines: [[...meters(2), { address: 3, stored: true }]], wallFaster: 1_000 };
    await inPark(park, async ({ clock, rounds, dead, asked, world }) => {
      dead.add(2);
      await clock.sleepUntil(T + 4 * HOUR_MS);
      const stored = readingsOf(rounds, 'm3').filter(({ source, at }) => source === 'stored' && at >= T + HOUR_MS);
      expect(stored).toHaveLength(12 + 1 - Number(stored.at(-1)!.at < T + 4 * HOUR_MS));
      expect(wrongOnes(rounds)).toEqual([]);
      const times = asked.filter(({ address }) => address === 2).map(({ at }) => at);
      expect(times.length).toBeGreaterThan(0);
      const toNext = times.map((at) => (asked.find((next) => next.at > at)?.at ?? world.monotonicMs() + 400) - at);
      expect(Math.min(...toNext)).toBeGreaterThanOrEqual(400);
    });
  });
});

describe('a wall clock that steps', () => {
  test.each([
    ['a day forward', 24 * HOUR_MS],
    ['an hour back', -HOUR_MS],
    ['ten seconds back over a boundary', -10_000],
  ])('%s neither stops the collection nor floods it', async (_name, byMs) => {
    await inPark({ lines: [meters(3)] }, async ({ clock, rounds }) => {
      await clock.sleepUntil(T + 5_000);
      const from = rounds.length;
      clock.stepWall(byMs);
      await clock.sleep(10 * MINUTE_MS);
      const counts = perDevice(rounds.slice(from));
      expect([...counts.keys()].sort()).toEqual(['m1', 'm2', 'm3']);
      for (const count of counts.values()) {
        expect(count).toBeGreaterThanOrEqual(8);
        expect(count).toBeLessThanOrEqual(14);
      }
    });
  });
});
