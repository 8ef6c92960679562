import { describe, expect, it } from 'vitest';
import { decimal } from '../core/decimal.ts';
import { barChart } from './chart.ts';
import { languageOf } from './words.ts';

const bar = (value: number | undefined, soft = false) => ({
  ...(value !== undefined && { value: decimal(value) }),
  soft,
});

describe('a bar chart', () => {
  it('is eight rows high, with the highest value beside the top', () => {
    const lines = barChart([bar(8), bar(4), bar(1), bar(0)], 100).split('\n');
    expect(lines).toHaveLength(8);
    expect(lines[0]).toBe('8.000 ┤████');
    expect(lines[3]).toBe('      ┤████');
    expect(lines[4]).toBe('      ┤████████');
    expect(lines[7]).toBe('    0 ┤████████████');
  });

  it('draws what is not measured lighter and what is not known as a cross', () => {
    const last = barChart([bar(2), bar(2, true), bar(undefined)], 100)
      .split('\n')
      .at(-1);
    expect(last).toBe('    0 ┤████░░░░××××');
  });

  it('of a day of quarters is as wide as a wide terminal', () => {
    const lines = barChart(
      Array.from({ length: 96 }, () => bar(1)),
      103,
    ).split('\n');
    expect(lines[0]).toBe(`1.000 ┤${'█'.repeat(96)}`);
  });

  it.each([
    [24, 80, 72, 8],
    [25, 80, 50, 8],
    [96, 80, 48, 17],
    [100, 80, 50, 17],
    [24, 20, 12, 17],
  ])('of %d bars fits %d columns: %d filled, %d lines', (count, columns, filled, height) => {
    const lines = barChart(
      Array.from({ length: count }, () => bar(1)),
      columns,
    ).split('\n');
    expect(lines).toHaveLength(height);
    expect(lines[0]).toBe(`1.000 ┤${'█'.repeat(filled)}`);
    expect(lines.at(-1)).toBe(`    0 ┤${'█'.repeat(filled)}`);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
  });

  it('of nothing has no bars', () => {
    expect(barChart([bar(0), bar(0)], 100).split('\n')[0]).toBe('0.000 ┤');
  });
});

describe('the language', () => {
  it.each([
    [{ LANG: 'cs_CZ.UTF-8' }, 'cs'],
    [{ LANG: 'cs_CZ.UTF-8', LC_ALL: 'C' }, 'en'],
    [{ LANG: 'de_DE.UTF-8' }, 'en'],
    [{}, 'en'],
  ])('of %j is %s', (environment, language) => {
    expect(languageOf(environment)).toBe(language);
  });
});
