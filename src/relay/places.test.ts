import { expect, test } from 'vitest';
import { createPlaces } from './places.ts';

/** Work that ends when it is told to. */
function work(name: string, log: string[]) {
  let end: () => void = () => undefined;
  const done = new Promise<void>((resolve) => {
    end = resolve;
  });
  return {
    end: () => end(),
    async run(): Promise<string> {
      log.push(name);
      await done;
      return name;
    },
  };
}

test('so many at once, the first who waits goes first, and one that fails makes room too', async () => {
  const places = createPlaces(2);
  const log: string[] = [];
  const all = ['a', 'b', 'c', 'd'].map((name) => work(name, log));
  const results = all.map(({ run }, n) =>
    places.one(n === 0 ? () => run().then(() => Promise.reject(new Error('x'))) : run),
  );
  expect(log).toEqual(['a', 'b']);
  all[0]!.end();
  await expect(results[0]).rejects.toThrow('x');
  expect(log).toEqual(['a', 'b', 'c']);
  for (const { end } of all) end();
  expect(await Promise.all(results.slice(1))).toEqual(['b', 'c', 'd']);
});

test('who leaves is told why, and takes no place', async () => {
  const places = createPlaces(1);
  const log: string[] = [];
  const [first, second, third] = ['a', 'b', 'c'].map((name) => work(name, log));
  const done = places.one(first!.run);
  const left = places.one(second!.run);
  places.leave(new Error('stop'));
  await expect(left).rejects.toThrow('stop');
  first!.end();
  expect(await done).toBe('a');
  third!.end();
  expect(await places.one(third!.run)).toBe('c');
  expect(log).toEqual(['a', 'c']);
});
