import { describe, expect, test } from 'vitest';
import { problemText } from '../core/problem.ts';
import { checkSite } from './parse.ts';
import { changed, FILES, GAS_MODEL, libraryOf, SITE } from './site.testkit.ts';

type Change = readonly [from: string, to: string];

function problems(...changes: Change[]): string[] {
  const checked = checkSite(changed(SITE, ...changes), 'site.yaml', libraryOf());
  return checked.ok ? [] : checked.problems.map(problemText);
}

function warnings(...changes: Change[]): string[] {
  return checkSite(changed(SITE, ...changes), 'site.yaml', libraryOf()).warnings.map(problemText);
}

test('a sound site comes back with its devices bound to line and model', () => {
  const checked = checkSite(SITE, 'site.yaml', libraryOf());
  if (!checked.ok) throw new Error(checked.problems.map(problemText).join('\n'));
  expect(checked.warnings).toEqual([]);
  expect([...checked.value.devices.keys()]).toEqual(['corrector', 'meter']);
  expect(checked.value.devices.get('corrector')).toMatchObject({
    framing: 'modbus-tcp',
    zone: 'Europe/Prague',
    config: { address: 1 },
    model: { model: 'corrector' },
  });
});

describe('what the schema says', () => {
  test.each<[string, Change, string]>([
    [
      'a misspelt key',
      ['port: 502', 'prot: 502'],
      '6:5: lines.0.prot: found the unknown key "prot", expected "id", "kind", "host", "port", "framing", "connectWithinMs", "setting" or "echo"; did you mean "port"?',
    ],
    [
      'a number in quotes',
      ['port: 502', 'port: "502"'],
      '6:11: lines.0.port: found "502", expected a whole number from 1 to 65535; write it without quotes: 502',
    ],
    [
      'a number out of range',
      ['port: 502', 'port: 70000'],
      '6:11: lines.0.port: found the number 70000, expected a whole number from 1 to 65535',
    ],
    [
      'a misspelt choice',
      ['framing: mbus', 'framing: mbuss'],
      '12:14: lines.1.framing: found "mbuss", expected "mbus", "modbus-rtu", "modbus-ascii" or "modbus-tcp"; did you mean "mbus"?',
    ],
    [
      'a serial number without quotes, which YAML reads as a number',
      ['serial: "00123"', 'serial: 00123'],
      '23:13: devices.1.serial: found the number 123 (written 00123), expected text; put it in quotes: "00123"',
    ],
    [
      'a decimal without quotes, which YAML would round',
      ['capacity: "250.5"', 'capacity: 250.50'],
      '38:15: points.1.capacity: found the number 250.5 (written 250.50), expected text; put it in quotes: "250.50"',
    ],
    [
      'a decimal comma',
      ['"250.5"', '"250,5"'],
      '38:15: points.1.capacity: found "250,5", expected a decimal number in quotes, e.g. "0.01"; write a decimal point: "250.5"',
    ],
    [
      'a value that was forgotten',
      ['pack: gas-day', 'pack:'],
      '43:10: market.gas.pack: found an empty value, expected text; fill it in or remove the key',
    ],
    [
      'an address that is not https',
      ['https://', 'http://'],
      '53:8: uplink.url: found "http://operator.example/services", expected an https:// address',
    ],
  ])('%s', (_, change, expected) => {
    expect(problems(change)).toEqual([`site.yaml:${expected}`]);
  });

  test('a missing key is told where its section begins', () => {
    expect(problems(['    host: 192.0.2.1\n', ''])).toEqual([
      'site.yaml:3:5: lines.0.host: found nothing, expected text; add "host:" here',
    ]);
  });
});

describe('what the schema cannot say', () => {
  test.each<[string, Change, string]>([
    [
      'two lines to one port',
      ['192.0.2.2\n    port: 10001', '192.0.2.1\n    port: 502'],
      '11:11: lines.1.port: found 192.0.2.1:502, where the line "gas-line" goes, expected one line per wire; hang the devices of both on the line "gas-line"',
    ],
    [
      'an unknown line',
      ['line: gas-line', 'line: gasline'],
      '16:11: devices.0.line: found "gasline", expected a line of this site: "gas-line" or "power-line"; did you mean "gas-line"?',
    ],
    [
      'an unknown device',
      ['device: corrector', 'device: corector'],
      '31:13: points.0.device: found "corector", expected a device of this site: "corrector" or "meter"; did you mean "corrector"?',
    ],
    [
      'a framing that the device does not speak',
      ['framing: mbus', 'framing: modbus-rtu'],
      '21:11: devices.1.line: found the line "power-line" with framing "modbus-rtu", expected a line with framing "mbus", because test/meter speaks mbus',
    ],
    [
      'an M-Bus address that is for all',
      ['address: 5', 'address: 254'],
      '22:14: devices.1.address: found 254, expected an M-Bus address from 0 to 250; read it from the meter, or give 253 and its "secondary:"',
    ],
    [
      'a Modbus address that is for all',
      ['address: 1', 'address: 0'],
      '17:14: devices.0.address: found 0, expected a Modbus address from 1 to 247, or 255; read it from the meter',
    ],
    [
      'a block without a place',
      ['blocks: { current: 100 }', 'serial: "1"'],
      '14:5: devices.0.blocks: found no address for the block "current", expected "current:" with the address of: the counters; take it from the site\'s register map',
    ],
    [
      'a gas point with a wrong check character',
      ['27ZG500Z00000019', '27ZG500Z00000018'],
      '28:11: points.0.code: found "27ZG500Z00000018", expected an EIC whose last character checks the others (these would end in "9"); a character is mistyped; copy it from the contract',
    ],
    [
      'an electricity point that is too short',
      ['"859182400500000017"', '"85918240050000001"'],
      '33:11: points.1.code: found "85918240050000001", expected an EAN of 18 digits; it has 17 characters; copy it from the contract',
    ],
    [
      'a zone that is none',
      ['site: park', 'site: park\nzone: Europe/Parague'],
      '2:7: zone: found "Europe/Parague", expected a time zone like "Europe/Prague"; did you mean "Europe/Prague"?',
    ],
    [
      'a zone whose hours are not those of UTC',
      ['site: park', 'site: park\nzone: Asia/Kathmandu'],
      '2:7: zone: found "Asia/Kathmandu", expected a zone that is whole hours from UTC',
    ],
    [
      'a day that does not exist',
      ['day: 2026-07-01', 'day: 2026-06-31'],
      '49:12: combustionHeat.0.day: found "2026-06-31", expected a day that exists',
    ],
    [
      'a heat of nothing',
      ['"10.6649"', '"0.0"'],
      '49:34: combustionHeat.0.kWhPerM3: found "0.0", expected kWh/m3, 5 to 15; MJ/m3 divided by 3.6',
    ],
    [
      'multipliers out of order',
      ['2026-03-01T', '2025-03-01T'],
      '26:17: devices.1.multiplier.1.from: found "2025-03-01T00:00:00+01:00", expected an instant after 2026-01-01T00:00:00+01:00; oldest first',
    ],
    [
      'an instant that does not exist',
      ['2026-03-01T', '2026-02-29T'],
      '26:17: devices.1.multiplier.1.from: found "2026-02-29T00:00:00+01:00", expected an instant like "2026-03-28T05:00:00Z"; say the offset too: "Z", "+01:00" in winter, "+02:00" in summer',
    ],
    [
      'a counter that the device does not have',
      ['channels: [import]', 'channels: [export]'],
      '37:15: points.1.channels: found the device "meter" without a counter energy.active.export, expected one of its counters: "energy.active.import"; change "channels:" or the device file',
    ],
    [
      'a participant whose code is of the other kind',
      ['{ id: "8591824050002", codingScheme: "14" }', '{ id: "8591824050002", codingScheme: "15" }'],
      '45:19: market.electricity.sender.id: found "8591824050002", expected an EIC of 16 characters (capitals, digits, "-"); it has 13 characters; copy it from the contract',
    ],
  ])('%s', (_, change, expected) => {
    expect(problems(change)).toEqual([`site.yaml:${expected}`]);
  });

  test('a misspelt block is told once', () => {
    expect(problems(['current: 100', 'curent: 100'])).toEqual([
      'site.yaml:18:15: devices.0.blocks.curent: found the unknown block "curent", expected "current"; did you mean "current"?',
    ]);
  });

  test('two lines of one id', () => {
    const second = '  - { id: gas-line, kind: tcp, host: 192.0.2.3, port: 502, framing: modbus-tcp }\ndevices:';
    expect(problems(['devices:', second])).toEqual([
      'site.yaml:13:11: lines.2.id: found "gas-line" a second time, expected each line its own id; change one of the two',
    ]);
  });

  test('two devices with one address on one line', () => {
    const second = '  - id: spare\n    model: test/meter\n    line: power-line\n    address: 5\npoints:';
    expect(problems(['points:', second])).toEqual([
      'site.yaml:30:14: devices.2.address: found 5, which the device "meter" has on the line "power-line", expected an address of its own for every device of a line',
    ]);
  });

  test('a point without a market for its commodity', () => {
    const [first] = problems(['  gas:\n', '  gaz:\n']);
    expect(first).toContain('points.0.commodity: found "gas", expected "market.gas:" with sender, receiver and pack');
  });

  test('one counter under two points would be published twice', () => {
    const second =
      '  - { code: "859182400500000024", commodity: electricity, metering: B, device: meter, capacity: "1" }\nmarket:';
    expect(problems(['market:', second])).toEqual([
      'site.yaml:39:80: points.2.device: found energy.active.import of "meter", which is published for 859182400500000017, expected each counter under one point',
    ]);
  });
});

test('everything is told at once, in the order of the lines', () => {
  const told = problems(
    ['port: 502', 'prot: 502'],
    ['line: power-line', 'line: powerline'],
    ['27ZG500Z00000019', '27ZG500Z00000018'],
    ['day: 2026-07-01', 'day: 2026-02-30'],
  );
  expect(told.map((text) => text.split(' ', 2).join(' '))).toEqual([
    'site.yaml:6:5: lines.0.prot:',
    'site.yaml:21:11: devices.1.line:',
    'site.yaml:28:11: points.0.code:',
    'site.yaml:49:12: combustionHeat.0.day:',
  ]);
});

test('an entry that is wrong in itself is still known by its id', () => {
  expect(problems(['port: 10001', 'port: x'])).toEqual([
    'site.yaml:11:11: lines.1.port: found "x", expected a whole number from 1 to 65535',
  ]);
});

describe('warnings do not stop the start', () => {
  test("a company's code with a wrong check digit", () => {
    const told = warnings(['8591824000007', '8591824000008']);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^site\.yaml:46:21: market\.electricity\.receiver\.id: .*would end in "7"/);
    expect(problems(['8591824000007', '8591824000008'])).toEqual([]);
  });

  test('keys that do nothing where they stand', () => {
    expect(warnings(['    device: corrector', '    minutes: 15\n    device: corrector'])).toEqual([
      'site.yaml:31:5: points.0.minutes: found "minutes:" on a gas point, expected no such key; gas is hourly and has one direction',
    ]);
  });

  describe('a device without a serial that its meter tells', () => {
    const serial = '    serial: "00123"\n';
    const told =
      'site.yaml:19:9: devices.1.id: found the device "meter" without "serial:", expected the number printed on the meter; an exchanged meter would not be noticed; "odecet read" shows the number the meter tells';

    test('over M-Bus, whichever way it is addressed, unless it is selected by its whole number', () => {
      expect(warnings([serial, ''])).toEqual([told]);
      const selected = (number: string): Change[] => [
        [serial, ''],
        ['address: 5', `address: 253\n    secondary: "${number}"`],
      ];
      expect(warnings(...selected('1234FFFF'))).toEqual([told]);
      expect(warnings(...selected('12345678'))).toEqual([]);
      expect(warnings(...selected('12345678FFFFFFFF'))).toEqual([]);
    });

    test('over Modbus, where the device file says in which register', () => {
      const identity = 'identity: { modbus: { table: holding, address: 0, type: u32 } }\ntests:';
      const files = { ...FILES, 'test/corrector': changed(GAS_MODEL, ['tests:', identity]) };
      const checked = checkSite(SITE, 'site.yaml', libraryOf(files));
      expect(checked.warnings.map(problemText)).toEqual([
        told.replace('19:9', '14:9').replace('1.id', '0.id').replace('"meter"', '"corrector"'),
      ]);
    });
  });

  test('a device whose values go nowhere', () => {
    const spare = '  - { id: spare, model: test/meter, line: power-line, address: 6 }\npoints:';
    expect(warnings(['points:', spare]).join()).toContain('found the device "spare" that measures no point');
  });
});

test('what hangs on a wrong entry is not told as idle', () => {
  expect(warnings(['channels: [import]', 'channels: [in]'], ['address: 5', 'address: five'])).toEqual([]);
});

describe('keys for what a device does not have', () => {
  test.each<[string, string]>([
    [
      'words: low-first',
      '20:5: devices.1.words: found "words:", expected none: only Modbus has a word order; remove it',
    ],
    [
      'archive: { records: 5 }',
      '20:5: devices.1.archive: found "archive:", expected none: test/meter names no archive; remove it',
    ],
    [
      'blocks: { extra: 1 }',
      '20:15: devices.1.blocks.extra: found the unknown block "extra", expected no blocks: test/meter has fixed addresses; remove it',
    ],
  ])('%s', (key, expected) => {
    expect(problems(['    model: test/meter', `    ${key}\n    model: test/meter`])).toEqual([`site.yaml:${expected}`]);
  });
});

test('a point of one commodity on a device of another', () => {
  expect(problems(['device: meter\n', 'device: corrector\n'])).toEqual([
    'site.yaml:36:13: points.1.device: found the device "corrector", which measures gas, expected a device that measures electricity',
  ]);
});

test('a contract that bills both counters needs both', () => {
  const [first, second] = problems(['device: corrector', 'volume: undisturbed-and-disturbed\n    device: corrector']);
  expect(first).toContain('points.0.volume: found the device "corrector" without a counter volume.base,');
  expect(second).toContain('without a counter volume.base.disturbed,');
});

describe('device files', () => {
  test('a missing one stops the start with its own cause, and says what is there', () => {
    const checked = checkSite(changed(SITE, ['test/meter', 'test/metre']), 'site.yaml', libraryOf());
    expect(checked).toMatchObject({ ok: false, code: 'device-file-missing' });
    expect(checked.ok ? [] : checked.problems.map(problemText)).toEqual([
      'site.yaml:20:12: devices.1.model: found "test/metre", expected a device file: "test/corrector" or "test/meter"; did you mean "test/meter"?',
    ]);
  });

  test('a wrong one is told in its own place', () => {
    const files = { ...FILES, 'test/meter': changed(FILES['test/meter']!, ['unit: kWh', 'unit: m3']) };
    const checked = checkSite(SITE, 'site.yaml', libraryOf(files));
    expect(checked).toMatchObject({ ok: false, code: 'device-file-invalid' });
    expect(checked.ok ? [] : checked.problems.map(problemText)).toEqual([
      'test/meter.yaml:9:11: readings.0.unit: found "m3" for energy.active.import, expected a unit of energy: "Wh", "kWh" or "MWh"',
    ]);
  });

  test("the site file's own faults decide the cause", () => {
    const text = changed(SITE, ['test/meter', 'test/metre'], ['port: 502', 'port: 0']);
    expect(checkSite(text, 'site.yaml', libraryOf())).toMatchObject({ ok: false, code: 'site-invalid' });
  });
});

describe('YAML itself', () => {
  const told = (text: string): string | undefined => {
    const checked = checkSite(text, 's.yaml', libraryOf());
    return checked.ok ? undefined : checked.problems.map(problemText)[0];
  };

  test.each([
    ['', 's.yaml:1:1: found an empty file, expected a file of "key: value" lines'],
    ['- a', 's.yaml:1:1: found no keys, expected a file of "key: value" lines'],
    ['a: x\n\tb: y', /^s\.yaml:2:1: found text that is not YAML .* indent with spaces, not with tabs$/],
    ['a: "b', /^s\.yaml:1:6: .* check the quotes/],
    ['a: b\n c: d', /^s\.yaml:1:4: found text that is not YAML/],
    ['a: &x 1\nb: *x', /^s\.yaml:1:7: found the anchor &x, .* write the value out/],
    ['a: !secret b', /^s\.yaml:1:4: .* put text that begins with "!" in quotes/],
  ])('%j', (text, expected) => {
    expect(told(text)).toMatch(expected);
  });

  test('a key twice is told where it stands the second time, beside everything else', () => {
    expect(problems(['port: 502', 'port: 502\n    port: 503'], ['framing: mbus', 'framing: mbuss'])).toEqual([
      'site.yaml:7:5: found "port" a second time, expected each key once in its section; remove or rename one of the two',
      expect.stringContaining('site.yaml:13:14: lines.1.framing: found "mbuss"'),
    ]);
  });
});
