import { expect, test } from 'vitest';
import { choice, didYouMean, nearest } from './guess.ts';

test.each([
  ['prot', 'port'],
  ['Framing', 'framing'],
  ['adress', 'address'],
  ['colour', undefined],
  ['x', undefined],
])('who wrote %s meant %s', (word, meant) => {
  expect(nearest(word, ['port', 'framing', 'address', 'line'])).toBe(meant);
});

test('the nearest of several is named', () => {
  expect(nearest('gas-lime', ['gas-life', 'gas-line', 'gas-time-2'])).toBe('gas-life');
  expect(didYouMean('gas-lin', ['gas-list', 'gas-line'])).toBe('did you mean "gas-line"?');
  expect(didYouMean('zzz', ['gas-line'], 'remove it')).toBe('remove it');
});

test('choices read like a sentence, each once, and long lists are cut', () => {
  expect(choice(['a', 'b', 'a', 'c'])).toBe('"a", "b" or "c"');
  expect(choice([7, 8])).toBe('7 or 8');
  expect(choice(['a', 'b', 'c'], 2)).toBe('"a", "b" or 1 more');
});
