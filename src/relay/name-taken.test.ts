import { expect, test } from 'vitest';
import { HOUR_MS } from '../core/time.ts';
import { createNameTaken } from './name-taken.ts';

test('two lives of one name that leave word in one store are both told; a restart is not', async () => {
  const words = new Map<string, string>();
  const store = {
    async here(name: string, life: string) {
      const before = words.get(name);
      words.set(name, life);
      return before;
    },
  };
  const standing = new Set<string>();
  let at = 0;
  const relay = (name: string, life: string) =>
    createNameTaken({
      name,
      life,
      store,
      alerts: {
        raise: (id) => void standing.add(`${life} ${id}`),
        clear: (id) => void standing.delete(`${life} ${id}`),
      },
      monotonicMs: () => at,
    });
  const sweep = async (one: ReturnType<typeof relay>) => {
    one.sweep();
    await new Promise((resolve) => setImmediate(resolve));
  };
  const [first, other, again] = [relay('centre-1', 'a'), relay('centre-2', 'b'), relay('centre-1', 'c')];
  for (const one of [first, other, first, other, again, again]) await sweep(one);
  expect([...standing]).toEqual([]);
  await sweep(first);
  await sweep(again);
  expect([...standing]).toEqual(['a name-taken', 'c name-taken']);
  at = HOUR_MS;
  await sweep(again);
  await sweep(again);
  expect([...standing]).toEqual(['a name-taken']);
});
