import { expect, test } from 'vitest';
import { z } from 'zod';
import { problemText } from './problem.ts';
import { readYaml } from './yaml.ts';

const schema = z.strictObject({
  name: z.string(),
  kind: z.enum(['gas', 'electricity']).default('gas'),
  lines: z.array(z.strictObject({ address: z.int(), serial: z.string().optional() })).default([]),
});

function problems(text: string): string[] {
  const read = readYaml(text, 'site.yaml', schema);
  return read.kind === 'problems' ? read.problems.map(problemText) : [];
}

test('a good file is its value, and a later check can still say where something stands', () => {
  const read = readYaml('name: a\nlines:\n  - address: 1\n', 'site.yaml', schema);
  if (read.kind !== 'value') throw new Error('expected a value');
  expect(read.value).toEqual({ name: 'a', kind: 'gas', lines: [{ address: 1 }] });
  expect(problemText(read.problemAt(['lines', 0, 'address'], 'is taken'))).toBe(
    'site.yaml:3:5: lines.0.address: is taken',
  );
});

test('an unknown name is told with the nearest known one', () => {
  expect(problems('name: a\nlines:\n  - address: 1\n    serail: "7"\n')).toEqual([
    'site.yaml:4:5: lines.0.serail: found the unknown key "serail", expected "address" or "serial"; did you mean "serial"?',
  ]);
});

test('a word outside a closed list is told with the list', () => {
  expect(problems('name: a\nkind: gaz\n')).toEqual([
    'site.yaml:2:7: kind: found "gaz", expected "gas" or "electricity"; did you mean "gas"?',
  ]);
});

test('what is missing is told at its parent', () => {
  expect(problems('name: a\nlines:\n  - serial: "7"\n')).toEqual([
    'site.yaml:3:5: lines.0.address: found nothing, expected a whole number; add "address:" here',
  ]);
});

test('a wrong type is told, and an empty file too', () => {
  expect(problems('name: 7\n')[0]).toMatch(/^site\.yaml:1:7: name: .*expected text/);
  expect(problems('')).toHaveLength(1);
});

test('broken YAML and doubled keys are told with their place', () => {
  expect(problems('name: a\nname: b\n')[0]).toMatch(/^site\.yaml:2:1: .*second time/);
  expect(problems('name: "a\n')[0]).toMatch(/^site\.yaml:\d+:\d+: /);
});
