import { expect, test } from 'vitest';
import { exitStatus, FAILURES, type FailureCode, type FailureEntry, failure, OdecetError } from './failure.ts';

const catalogue: [string, FailureEntry][] = Object.entries(FAILURES);

test('every cause that stops the program has an exit status of its own', () => {
  const statuses = catalogue.flatMap(([, { exit }]) => (exit === undefined ? [] : [exit]));
  expect(new Set(statuses).size).toBe(statuses.length);
  // 1 is for what the catalogue gives no status; 126 and above are the shell's and the signals'.
  for (const status of statuses) expect(status > 1 && status < 126).toBe(true);
});

test('what stops the program needs a person, but for what is gone by itself when the supervisor starts it again', () => {
  const retried = catalogue.filter(([, { next, exit }]) => exit !== undefined && next !== 'person');
  expect(retried.map(([code]) => code)).toEqual(['line-in-use', 'store-full', 'store-io', 'database-away']);
});

test('codes are kebab-case, and what they mean is a phrase without a full stop', () => {
  for (const [code, { what }] of catalogue) {
    expect(code).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    expect(what).toMatch(/^[a-z].*[^.]$/);
  }
});

test('a failure keeps its code and detail, thrown or not', () => {
  const code: FailureCode = 'site-invalid';
  expect(failure(code, 'line 3')).toEqual({ code, detail: 'line 3' });
  const cause = new Error('inner');
  const error = new OdecetError(code, 'line 3', { cause });
  expect(error).toMatchObject({ name: 'OdecetError', message: 'the site file is wrong: line 3', cause });
  expect(error.failure).toEqual({ code, detail: 'line 3' });
});

test('the exit status is the catalogue entry, else 1', () => {
  expect(exitStatus('site-invalid')).toBe(11);
  expect(exitStatus('no-answer')).toBe(1);
});
