import { expect, test } from 'vitest';
import { nextBoundary } from '../core/schedule.ts';
import { inPark, type ToyMeter, wrongOnes } from './park.testkit.ts';

const meters = (count: number): ToyMeter[] => Array.from({ length: count }, (_, n) => ({ address: n + 1 }));
const REQUEST_MS = 200;

test('work that a person asks for comes between two dialogues, and disturbs none', async () => {
  await inPark({ lines: [meters(5)], settings: { everyMs: 1_000 } }, async ({ clock, collector, rounds, overlaps }) => {
    await clock.sleep(10_500);
    const before = rounds.length;
    const askedAt = clock.monotonicMs();
    const held = await collector.ask('bus-0', async (line, signal) => {
      expect(line.isOpen).toBe(true);
      const from = rounds.length;
      await clock.sleep(REQUEST_MS, signal);
      return rounds.length - from;
    });
    expect(held).toBe(0);
    expect(clock.monotonicMs() - askedAt).toBeLessThan(1_000 + REQUEST_MS);
    await clock.sleep(10_000);
    expect(rounds.length - before).toBeGreaterThanOrEqual(5 * 10);
    expect(wrongOnes(rounds)).toEqual([]);
    expect(overlaps()).toBe(0);
  });
});

test('who asks is told what the work throws, and which lines there are', async () => {
  await inPark({ lines: [meters(1)] }, async ({ collector, clock, rounds }) => {
    const thrown = collector.ask('bus-0', async () => Promise.reject(new Error('a fault of the work')));
    await expect(thrown).rejects.toThrow('a fault of the work');
    await expect(collector.ask('bus-9', async () => 0)).rejects.toThrow(RangeError);
    const before = rounds.length;
    await clock.sleep(120_000);
    expect(rounds.length).toBeGreaterThan(before);
  });
});

test('a boundary reading comes first', async () => {
  await inPark({ lines: [meters(3)] }, async ({ clock, collector, rounds }) => {
    const boundary = nextBoundary(clock.now(), 15);
    await clock.sleepUntil(boundary - 1_000);
    const servedAt = await collector.ask('bus-0', async () => clock.now());
    expect(servedAt).toBeGreaterThan(boundary);
    const after = rounds.filter(({ readings }) => readings.some(({ at }) => at >= boundary));
    expect(new Set(after.map(({ device }) => device)).size).toBe(3);
  });
});
