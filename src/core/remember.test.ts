import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rememberingInTurn, rememberingUpTo } from './remember.ts';

test('whatever the order, each text has its own value, made once', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 }), (asked) => {
      const made: string[] = [];
      const remembered = rememberingInTurn((key) => {
        made.push(key);
        return key.toUpperCase();
      });
      expect(asked.map(remembered)).toEqual(asked.map((key) => key.toUpperCase()));
      expect(new Set(made).size).toBe(made.length);
    }),
  );
});

test('of so many at most each is made once, and all again when one more came', () => {
  const made: string[] = [];
  const remembered = rememberingUpTo(2, (key: string) => {
    made.push(key);
    return key.toUpperCase();
  });
  expect(['a', 'b', 'a', 'c', 'a'].map(remembered)).toEqual(['A', 'B', 'A', 'C', 'A']);
  expect(made).toEqual(['a', 'b', 'c', 'a']);
});
