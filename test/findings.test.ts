import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FINDINGS, type FindingEntry } from '../src/profile/findings.ts';

/** How docs/validation.md says what a finding means, and when it is judged. */
const LEVEL: Record<FindingEntry['level'], string> = {
  note: 'nothing is wrong',
  doubt: '**look at it**',
  refused: '**no value**',
  method: 'how it was made',
};
const SCOPE: Record<FindingEntry['scope'], string> = { edges: 'at once', day: 'when the day is over' };

test('docs/validation.md tells every finding as the program has it, and no other', () => {
  const page = readFileSync(new URL('../docs/validation.md', import.meta.url), 'utf8');
  const table = page.slice(page.indexOf('## Findings'), page.indexOf('## Limits'));
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  const entries: [string, FindingEntry][] = Object.entries(FINDINGS);
  const told = rows.map((row) => row.split(' | ').slice(0, 4).join(' | '));
  expect(told).toEqual(
    entries.map(([code, { what, level, scope }]) => `| \`${code}\` | ${what} | ${LEVEL[level]} | ${SCOPE[scope]}`),
  );
  // Whatever wants a look says what is done about it; the last cell is empty where nothing is.
  const idle = rows.filter((row) => row.endsWith('| |')).map((row) => row.split('`')[1]);
  expect(idle).toEqual(
    entries
      .filter(([code, { level }]) => level === 'method' || (level === 'note' && code !== 'meter-battery-low'))
      .map(([code]) => code),
  );
});
