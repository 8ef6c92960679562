import { expect, test } from 'vitest';
import { createFairQueue, type Waiting } from './fair-queue.ts';

const waiting = (site: string, day: string, n: number): Waiting => ({
  name: `${site} ${day} ${n}`,
  site,
  day,
  receivedAt: n,
});

function filled(...all: Waiting[]) {
  const queue = createFairQueue();
  for (const one of all) queue.add(one, 0);
  return queue;
}

const names = (taken: readonly Waiting[]) => taken.map(({ name }) => name);

test('the newest day goes first, its sites take turns, also from one taking to the next', () => {
  const queue = filled(
    ...[1, 2, 3].map((n) => waiting('big', '2026-03-28', n)),
    waiting('late', '2026-03-01', 4),
    ...[5, 6].map((n) => waiting('small', '2026-03-28', n)),
  );
  expect(names(queue.take(1, 10, 99))).toEqual(['big 2026-03-28 1']);
  expect(names(queue.take(9, 10, 99))).toEqual([
    'small 2026-03-28 5',
    'big 2026-03-28 2',
    'small 2026-03-28 6',
    'big 2026-03-28 3',
    'late 2026-03-01 4',
  ]);
  expect(queue.take(9, 98, 200)).toEqual([]);
  expect(queue.take(9, 99, 200)).toHaveLength(6);
});

test('what is put off comes at its time, what is removed never, also when it was due already', () => {
  const [a, b, c] = [1, 2, 3].map((n) => waiting('a', '2026-03-28', n));
  const queue = filled(a!, b!, c!);
  expect(queue.take(2, 10, 99)).toEqual([a, b]);
  queue.putOff(a!.name, 20);
  queue.remove(b!.name);
  queue.remove(c!.name);
  expect(queue.take(9, 19, 99)).toEqual([]);
  expect(queue.take(9, 20, 99)).toEqual([a]);
  expect(queue.take(9, 1_000, 2_000)).toEqual([a]);
  expect(queue.has(b!.name)).toBe(false);
});

test('a month of one site among ten thousand fresh ones goes last and is whole', () => {
  const month = Array.from({ length: 30 }, (_, n) => waiting('away', `2026-03-${String(n + 1).padStart(2, '0')}`, n));
  const fresh = Array.from({ length: 1_000 }, (_, n) => waiting(`site-${n}`, '2026-03-31', 100 + n));
  const queue = filled(...month, ...fresh);
  expect(new Set(names(queue.take(1_000, 10, 99)))).toEqual(new Set(names(fresh)));
  expect(names(queue.take(1_000, 10, 99))).toEqual(names(month.reverse()));
});
