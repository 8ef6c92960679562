import { expect, test } from 'vitest';
import { createIds } from './ids.ts';

const NOW = Date.UTC(2026, 2, 28, 6);
const now = () => NOW;
const takeFrom = (parts: Partial<Parameters<typeof createIds>[0]>) => createIds({ last: 0, now, ...parts }).take();

test('two sites that make messages in the same second never make the same id, however many', () => {
  const [a, b] = [41, 42].map((number) => createIds({ last: 0, number, now }));
  const ids = Array.from({ length: 500 }, () => [a!.take(), b!.take()]).flat();
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.every((id) => /^\d{14}$/.test(id))).toBe(true);
});

test('a numbered id is the time in tens of seconds and the number', () => {
  expect(takeFrom({ number: 42 })).toBe(`${NOW / 10_000}00042`);
});

test('a site that is given its number goes on above the milliseconds of before', () => {
  const before = takeFrom({});
  expect(before).toBe(`0${NOW}`);
  const after = takeFrom({ last: Number(before), number: 7, now: () => NOW + 1_000 });
  expect(after > before).toBe(true);
  expect(after.endsWith('00007')).toBe(true);
});

test('a box that believes in 1970 begins above all milliseconds, and rises', () => {
  const ids = createIds({ last: 0, number: 7, now: () => 0 });
  const [first, second] = [ids.take(), ids.take()];
  expect(first > `0${NOW}`).toBe(true);
  expect(second > first).toBe(true);
});

test('a site file that lost its number does not make the ids of its neighbour', () => {
  const last = Number(takeFrom({ number: 42 }));
  const ids = createIds({ last, now });
  expect([ids.take(), ids.take()].map((id) => id.slice(-5))).toEqual(['00042', '00042']);
});

test('a start leaves room before its first id, and none when it gives none out', () => {
  const last = Number(takeFrom({ number: 42 }));
  const ids = createIds({ last, number: 42, now });
  expect(ids.last()).toBe(last);
  expect(Number(ids.take())).toBe(last + 1_001 * 100_000);
  expect(createIds({ last: NOW, now }).last()).toBe(NOW);
  expect(Number(takeFrom({ last: NOW }))).toBe(NOW + 1_001);
});

test('a restored store leaves its room at once', () => {
  expect(createIds({ last: NOW, idRoom: 1_000_000, now }).last()).toBe(NOW + 1_000_000);
});
