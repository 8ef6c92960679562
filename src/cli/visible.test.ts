import { expect, it } from 'vitest';
import { visible } from './visible.ts';

it.each([
  ['výměna měřidla, protokol 12/2026', 'výměna měřidla, protokol 12/2026'],
  ['first\n  entry 99, hash deadbeef', 'first\\n  entry 99, hash deadbeef'],
  ['\u001b[31mred\u0007\t\r', '\\u001b[31mred\\u0007\\t\\r'],
  ['\u009b2J\u2028\u202eknat', '\\u009b2J\\u2028\\u202eknat'],
  ['\u007f', '\\u007f'],
])('%j is shown on one line', (text, shown) => {
  expect(visible(text)).toBe(shown);
});
