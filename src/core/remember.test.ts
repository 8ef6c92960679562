import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rememberingInTurn } from './remember.ts';

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
