import { expect, test } from 'vitest';
import { decimal } from '../core/decimal.ts';
import type { Reading } from '../core/reading.ts';
import { FIRST_ORDER, inOrder } from './sample-order.ts';

function sample(at: number, source: Reading['source'] = 'sampled'): Reading {
  return {
    device: 'm1',
    quantity: 'volume.base.total',
    kind: 'counter',
    value: decimal(at),
    unit: 'm3',
    at,
    source,
    uncertaintyMs: 0,
    readAt: at,
    flags: ['alarm'],
    raw: '',
  };
}

/** Samples as [instant, steps of the wall until then]; what is kept of them, a marked one with an asterisk. */
function kept(samples: readonly (readonly [at: number, steps: number])[]): string[] {
  let order = FIRST_ORDER;
  return samples.flatMap(([at, steps]) => {
    const ordered = inOrder(order, [sample(at)], steps);
    order = ordered.order;
    const until = ordered.repeatsUntil === undefined ? [] : [`until ${ordered.repeatsUntil}`];
    return [...until, ...ordered.readings.map(({ flags }) => `${at}${flags.includes('wall-stepped') ? '*' : ''}`)];
  });
}

test('the first sample after a step forward is marked, and only it', () => {
  expect(
    kept([
      [10, 0],
      [20, 0],
      [500, 1],
      [510, 1],
    ]),
  ).toEqual(['10', '20', '500*', '510']);
});

test('after a step back nothing is kept until the wall has passed what was sampled', () => {
  expect(
    kept([
      [10, 0],
      [20, 0],
      [12, 1],
      [18, 1],
      [20, 1],
      [22, 1],
      [24, 1],
    ]),
  ).toEqual(['10', '20', 'until 20', '22*', '24']);
});

test('a wall that was years ahead for a while does not keep samples out for years', () => {
  expect(
    kept([
      [10, 0],
      [20, 0],
      [9_000, 1],
      [9_010, 1],
      [25, 2],
      [30, 2],
    ]),
  ).toEqual(['10', '20', '9000*', '9010', '25*', '30']);
});

test('a stretch that is reached long after the step is left out too, and the first sample behind it is marked', () => {
  const steppedBack: Parameters<typeof kept>[0] = [
    [100, 0],
    [120, 0],
    [80, 1],
    [99, 1],
    [110, 1],
  ];
  const far = ['100', '120', '80*', '99', 'until 120'];
  expect(kept([...steppedBack, [121, 1], [130, 1]])).toEqual([...far, '121*', '130']);
  // Nor is what was sampled on the way there forgotten.
  expect(kept([...steppedBack, [90, 2], [105, 2], [130, 2]])).toEqual([...far, '130*']);
});

test('what the meter froze by its own clock passes as it is', () => {
  const stepped = inOrder(inOrder(FIRST_ORDER, [sample(20)], 0).order, [sample(5, 'stored'), sample(20)], 1);
  expect(stepped.readings).toEqual([sample(5, 'stored')]);
  const stored = inOrder(FIRST_ORDER, [sample(5, 'stored'), sample(20)], 1).readings;
  expect(stored.map(({ flags }) => flags)).toEqual([['alarm'], ['alarm', 'wall-stepped']]);
});
