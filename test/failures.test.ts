import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FAILURES, type FailureEntry } from '../src/core/failure.ts';

/** How docs/failures.md says what happens next. */
const NEXT: Record<FailureEntry['next'], string> = {
  retry: 'tries again by itself',
  'give-up': 'goes on without it',
  person: '**needs a person**',
};

const page = readFileSync(new URL('../docs/failures.md', import.meta.url), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

const catalogue: [string, FailureEntry][] = Object.entries(FAILURES);

test('docs/failures.md has every code once, and no other', () => {
  const told = rows.map(([code = '']) => code.replaceAll('`', ''));
  expect([...told].sort()).toEqual(catalogue.map(([code]) => code).sort());
});

test.each(catalogue)('docs/failures.md says of %s what the program says, and what to do', (code, entry) => {
  const row = rows.find(([cell]) => cell === `\`${code}\``);
  expect(row?.slice(1, 4)).toEqual([entry.what, NEXT[entry.next], entry.exit === undefined ? '' : String(entry.exit)]);
  expect(row?.[4]).not.toBe('');
});
