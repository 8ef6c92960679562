import { expect, test } from 'vitest';
import { problemText } from '../core/problem.ts';
import { checkSite } from './parse.ts';
import { changed, libraryOf, SITE } from './site.testkit.ts';

function problems(...changes: (readonly [from: string, to: string])[]): string[] {
  const checked = checkSite(changed(SITE, ...changes), 'site.yaml', libraryOf());
  return checked.ok ? [] : checked.problems.map(problemText);
}

test('an M-Bus device may be named by its secondary address, and have a key', () => {
  expect(problems(['address: 5', 'address: 253\n    secondary: "12082058"'])).toEqual([]);
  expect(problems(['address: 5', 'address: 253\n    secondary: "1208205F2D2CFFFF"\n    keyFile: meter.key'])).toEqual(
    [],
  );
});

test('a secondary address goes with 253 and with M-Bus', () => {
  expect(problems(['address: 5', 'address: 5\n    secondary: "12082058"'])[0]).toContain('253 beside "secondary:"');
  expect(problems(['address: 5', 'address: 253\n    secondary: "1208"'])[0]).toContain('8 digits in quotes');
  expect(problems(['address: 1', 'address: 1\n    secondary: "12082058"'])[0]).toContain('only M-Bus has it');
  expect(problems(['address: 1', 'address: 1\n    keyFile: meter.key'])[0]).toContain('only M-Bus telegrams');
});

test('several devices of one line share 253, and none its secondary address', () => {
  const second = (digits: string) =>
    `  - { id: spare, model: test/meter, line: power-line, address: 253, secondary: "${digits}" }\npoints:`;
  const first = ['address: 5', 'address: 253\n    secondary: "1208205a"'] as const;
  expect(problems(first, ['points:', second('12082059')])).toEqual([]);
  expect(problems(first, ['points:', second('1208205A')])[0]).toContain('which the device "meter" has');
});
