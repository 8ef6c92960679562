import { afterEach, expect, it, vi } from 'vitest';
import { inEnglish } from '../core/say.ts';
import { printTable } from './table.ts';

afterEach(() => vi.restoreAllMocks());

function printed(rows: Parameters<typeof printTable>[0], columns?: number): string[] {
  let text = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((part) => {
    text += String(part);
    return true;
  });
  printTable(rows, inEnglish, columns);
  return text.trimEnd().split('\n');
}

const ROW = { start: '2026-10-25T02:00+02:00', value: '1234.567', quality: 'substituted', findings: 'spike' };
const LONG = { ...ROW, findings: 'substituted-by-person, spike, clock-not-credible, meter-power-failed' };

it('keeps its frame where there is room, and where nobody says how much there is', () => {
  for (const columns of [undefined, 80]) {
    const lines = printed([ROW], columns);
    expect(lines).toHaveLength(4);
    expect(lines[2]).toBe('│ 2026-10-25T02:00+02:00 │ 1234.567 │ substituted │ spike    │');
  }
});

it('loses its frame before it is wider than the terminal, then wraps what is widest, and loses no letter', () => {
  const lines = printed([ROW, LONG], 80);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(lines[1]).toBe('2026-10-25T02:00+02:00 1234.567 substituted spike');
  const told = lines
    .slice(2)
    .map((line) => line.slice(44).trim())
    .join(' ');
  expect(told).toBe(LONG.findings);
});

it('a heading of two lines is as wide as its longer one', () => {
  expect(printed([{ point: 'A', 'given\nup': 1 }], 7)).toEqual(['point given', '         up', 'A         1']);
});
