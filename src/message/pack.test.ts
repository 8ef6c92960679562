import { describe, expect, test } from 'vitest';
import { packText } from './message.testkit.ts';
import { loadPack, packId, packProblemText } from './pack.ts';

const gas = packText('gasdat');

function problems(text: string): string {
  const loaded = loadPack(text, 'my.yaml');
  return loaded.kind === 'problems' ? packProblemText(loaded.problems) : 'no problem';
}

/** The shipped pack with one passage changed; the passage must be there. */
function spoiled(from: string, to: string): string {
  expect(gas).toContain(from);
  return problems(gas.replace(from, to));
}

test.each(['gasdat', 'cdsdata'] as const)('the shipped pack %s is good, and says that it is not verified', (name) => {
  const loaded = loadPack(packText(name), 'pack.yaml');
  if (loaded.kind === 'problems') throw new Error(packProblemText(loaded.problems));
  expect(packId(loaded.pack)).toBe(`ote-${name}@1`);
  expect(loaded.pack.status).toBe('unverified');
});

test.each(['gasdat', 'cdsdata'] as const)('%s: what counts as rejected is never a word of the operator', (name) => {
  const loaded = loadPack(packText(name), 'pack.yaml');
  if (loaded.kind === 'problems') throw new Error(packProblemText(loaded.problems));
  const rejected = loaded.pack.answers.table.filter(({ verdict }) => verdict === 'rejected');
  expect(rejected.length).toBeGreaterThan(0);
  for (const row of rejected)
    expect([row.type, row.code]).toEqual(['SANDBOX-REJECT', expect.stringMatching(/^SANDBOX-/)]);
});

describe('problems say where, what was expected, and what was meant', () => {
  test('unknown and missing names', () => {
    expect(spoiled('messageCode:', 'mesageCode:')).toMatch(
      /^my\.yaml:\d+:1: .*mesageCode: found the unknown key "mesageCode", .*; did you mean "messageCode"\?$/m,
    );
    expect(spoiled('family: GASDAT', 'family: ""')).toMatch(/^my\.yaml:13:9: family: /m);
  });

  test('a word outside a closed list', () => {
    expect(spoiled('period: local-offset', 'period: local-ofset')).toMatch(/did you mean "local-offset"\?/);
    expect(spoiled('minutes: [60]', 'minutes: [30]')).toMatch(/minutes\.0: found the number 30, expected 15 or 60/);
  });

  test('an unknown placeholder, at its line', () => {
    const line = gas.slice(0, gas.indexOf('{interval.value}')).split('\n').length;
    expect(spoiled('{interval.value}', '{interval.valeu}')).toMatch(
      new RegExp(
        `^my\\.yaml:${line}:\\d+: document\\..*@value: unknown placeholder \\{interval\\.valeu\\} \\(did you mean "interval\\.value"\\?\\)`,
      ),
    );
  });

  test('a placeholder outside its repetition, a repetition in the wrong place, an unknown one', () => {
    expect(spoiled('"@gas-day": "{day.date}"', '"@gas-day": "{day.date} {interval.value}"')).toMatch(
      /\{interval\.value\} has a value only inside "\$each: interval"/,
    );
    expect(spoiled('$each: channel', '$each: interval')).toMatch(
      /can be repeated only inside "channel", not inside "point"/,
    );
    expect(spoiled('$each: point', '$each: points')).toMatch(/did you mean "point"\?/);
    expect(spoiled('$each: point', '$every: point')).toMatch(/unknown word "\$every"/);
  });

  test('values that are not text in quotes', () => {
    expect(spoiled('"@dtd-version": "1"', '"@dtd-version": 1')).toMatch(/@dtd-version: expected text in quotes/);
    expect(spoiled('"@gas-day": "{day.date}"', '"@gas-day": "{day.date}{day.from}"')).toMatch(/side by side/);
  });
});

describe('contradictions', () => {
  test.each([
    [
      'a document that cannot be read back',
      '"@status": "{interval.status}"',
      '"@status": "X"',
      /carries \{interval\.status\}/,
    ],
    ['a document without a day', '"@id": "{sender.id}"', '"@id": "x"', /carries \{sender\.id\}/],
    ['an end time where numbers are written', 'period: local-offset', 'period: number', /\{interval\.end\} is a time/],
    ['another root than the family', 'family: GASDAT', 'family: CDSDATA', /its root is not "CDSDATA"/],
    ['lengths that cannot be told apart', 'minutes: [60]', 'minutes: [15, 60]', /no problem/],
    ['a channel of the other commodity', '  energy:', '  import:', /channels\.import: gas has no such channel/],
    ['two channels of one role', 'role: ENERGY', 'role: VOLUME', /channels\.energy\.role: another channel/],
    ['two rows for one answer', 'code: SANDBOX-POINT', 'code: SANDBOX-SCHEMA', /answers\.table\.2: another row/],
  ])('%s', (_, from, to, expected) => {
    expect(spoiled(from, to)).toMatch(expected);
  });

  test('several lengths need their length in the document', () => {
    const text = gas.replace('minutes: [60]', 'minutes: [15, 60]').replace('"{channel.resolution}"', '"PT60M"');
    expect(problems(text)).toMatch(/several lengths may be sent/);
  });
});
