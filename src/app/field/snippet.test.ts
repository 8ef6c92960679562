import { expect, test } from 'vitest';
import { checkSite } from '../../device/parse.ts';
import { changed, FILES, libraryOf, POWER_MODEL, SITE } from '../../device/site.testkit.ts';
import type { Found } from './scan.ts';
import { siteSnippet } from './snippet.ts';
import { PLACEHOLDER, suggester } from './suggest.ts';

const GAS: Found = { address: 4, serial: '12345678', manufacturer: 'KAM', version: 1, medium: 'gas' };
const POWER: Found = { address: 9, serial: '00123456', manufacturer: 'ELS', version: 2, medium: 'electricity' };

function detecting(detect: string): string {
  return changed(POWER_MODEL, ['hardwareTested: false\n', `hardwareTested: false\ndetect: ${detect}\n`]);
}

test('a device file is named by what the meter says, the closest fit first', () => {
  const files = {
    ...FILES,
    'els/any': detecting('{ manufacturer: ELS }'),
    'els/two': detecting('{ manufacturer: ELS, version: 2 }'),
    'test/broken': 'maker: [',
  };
  const suggest = suggester(libraryOf(files), 'mbus');
  expect(suggest(POWER)).toMatchObject({ model: 'els/two' });
  expect(suggest({ ...POWER, version: 3 })).toMatchObject({ model: 'els/any' });
  expect(suggest({ ...POWER, manufacturer: 'ABB' })).toMatchObject({
    model: 'test/meter',
    why: 'fits by its medium alone, hold it against `odecet read`',
  });
  expect(suggest(GAS)).toEqual({ model: PLACEHOLDER, why: 'fill in the device file of this meter' });
  expect(suggest({ address: 17 }).model).toBe(PLACEHOLDER);
});

test('of files that fit alike, a person chooses', () => {
  const suggest = suggester(libraryOf({ 'a/b': POWER_MODEL, 'c/d': POWER_MODEL }), 'mbus');
  expect(suggest(POWER)).toEqual({ model: PLACEHOLDER, why: 'fill in a/b or c/d' });
});

test('what was found, put into a site file with its placeholders filled in, is sound', () => {
  const twice = { ...POWER, serial: '00000007', address: 253, secondary: '00000007ffffffff' };
  const found = [GAS, POWER, { address: 0, remark: 'every new meter has address 0' }, twice];
  const before = checkSite(SITE, 'site.yaml', libraryOf());
  if (!before.ok) throw new Error('the site of the test is not sound');
  const known = before.value.site.devices.filter(({ line }) => line === 'power-line');
  const snippet = siteSnippet('power-line', found, known, suggester(libraryOf(), 'mbus'));
  expect(snippet).toBe(`devices:
  - id: power-line-12345678
    model: fill-in/model # KAM, version 1, gas, 12345678: fill in the device file of this meter
    line: power-line
    address: 4
    serial: "12345678"
  - id: power-line-00123456
    model: test/meter # ELS, version 2, electricity, 00123456: fits by its medium alone, hold it against \`odecet read\`
    line: power-line
    address: 9
    serial: "00123456"
  - id: power-line-0
    model: fill-in/model # address 0: fill in the device file of this meter
    line: power-line
    address: 0 # every new meter has address 0
  - id: power-line-00000007
    model: test/meter # ELS, version 2, electricity, 00000007: fits by its medium alone, hold it against \`odecet read\`
    line: power-line
    address: 253
    secondary: "00000007ffffffff"
    serial: "00000007"
`);
  const pasted = changed(SITE, ['devices:\n', snippet]);
  expect(checkSite(pasted, 'site.yaml', libraryOf())).toMatchObject({ ok: false, code: 'device-file-missing' });
  const checked = checkSite(pasted.replaceAll(PLACEHOLDER, 'test/meter'), 'site.yaml', libraryOf());
  expect(checked.ok ? [...checked.value.devices.keys()] : checked.problems).toEqual([
    'power-line-12345678',
    'power-line-00123456',
    'power-line-0',
    'power-line-00000007',
    'corrector',
    'meter',
  ]);
});

test('names are short enough and never twice; what the site file has is a remark', () => {
  const line = 'a-line-with-a-very-long-name-for-its-meter';
  const suggest = suggester(libraryOf(), 'mbus');
  const snippet = siteSnippet(line, [POWER, { ...POWER, address: 10 }], [], suggest);
  const ids = [...snippet.matchAll(/id: (.*)/g)].map(([, id]) => id);
  expect(ids).toEqual(['a-line-with-a-very-long-name-fo-00123456', 'a-line-with-a-very-long-name--00123456-2']);
  expect(ids.every((id) => id!.length === 40)).toBe(true);
  const before = checkSite(SITE, 'site.yaml', libraryOf());
  const known = before.ok ? before.value.site.devices : [];
  const there = [{ ...POWER, address: 5, serial: '00123' }, { address: 1 }];
  expect(siteSnippet('power-line', there, known, suggest)).toBe(
    '# meter is in the site file: ELS, version 2, electricity, 00123\n# corrector is in the site file: address 1\n',
  );
  expect(siteSnippet('hall', [], [], suggest)).toBe('');
});

test.each([
  ['0012345f', true],
  ['FFFFFFFF9315FFFF', true],
  ['ffffffff93150202', true],
  ['ffffffff9315ff03', false],
  ['ffffffff2d2cffff', false],
  ['0012346f', false],
])('a device by the secondary address %s is a meter that it selects: %s', (secondary, isThere) => {
  const before = checkSite(SITE, 'site.yaml', libraryOf());
  const [device] = before.ok ? before.value.site.devices : [];
  const meter = { ...POWER, address: 253, secondary: '0012345693150202' };
  const snippet = (serial?: string) =>
    siteSnippet(
      'hall',
      [meter],
      [{ ...device!, id: 'there', address: 253, secondary, serial }],
      suggester(libraryOf(), 'mbus'),
    );
  expect(snippet().startsWith('# there is in the site file')).toBe(isThere);
  expect(snippet('123456').startsWith('# there is in the site file')).toBe(isThere);
  // A pattern may fit two meters; the number says which of them is meant.
  expect(snippet('7').startsWith('devices:')).toBe(true);
});
