import { describe, expect, test } from 'vitest';
import {
  ELECTRICITY_POINT,
  electricityPack,
  GAS_POINTS,
  gasPack,
  madeXml,
  packFrom,
  packText,
  pointDay,
  requestOf,
  ZONE,
} from './message.testkit.ts';
import type { FormatPack } from './pack.ts';
import { readDocument } from './read.ts';

const gasXml = madeXml(
  gasPack,
  requestOf(gasPack, '2026-03-28', [
    pointDay({ pack: gasPack, day: '2026-03-28', minutes: 60 }, GAS_POINTS[0], ['volume', 'energy']),
  ]),
);
const electricityXml = madeXml(
  electricityPack,
  requestOf(electricityPack, '2026-03-29', [
    pointDay({ pack: electricityPack, day: '2026-03-29', minutes: 15 }, ELECTRICITY_POINT, ['import']),
  ]),
);

function whyRefused(pack: FormatPack, xml: string): string {
  const read = readDocument(pack, xml, ZONE);
  return read.kind === 'refused' ? read.why : 'not refused';
}

/** One passage changed; the passage must be there. */
function spoil(xml: string, from: string | RegExp, to: string): string {
  const spoilt = xml.replace(from, to);
  expect(spoilt).not.toBe(xml);
  return spoilt;
}

test('hand-checked: first and last hour of the 23-hour gas day, before and after the switch', () => {
  const read = readDocument(gasPack, gasXml, ZONE);
  if (read.kind === 'refused') throw new Error(read.why);
  const volume = read.document.rows.filter(({ channel }) => channel === 'volume');
  expect(volume).toHaveLength(23);
  expect(volume[0]).toEqual({
    point: GAS_POINTS[0],
    channel: 'volume',
    start: Date.UTC(2026, 2, 28, 5),
    minutes: 60,
    value: '1.001',
    unit: 'm3',
    quality: 'measured',
  });
  expect(volume[22]?.start).toBe(Date.UTC(2026, 2, 29, 3));
});

test('hand-checked: period 9 of the 92-quarter day is 03:00 summer time', () => {
  const read = readDocument(electricityPack, electricityXml, ZONE);
  if (read.kind === 'refused') throw new Error(read.why);
  expect(read.document.rows).toHaveLength(92);
  expect(read.document.rows[8]?.start).toBe(Date.UTC(2026, 2, 29, 1));
});

test.each([
  ['01.50', '1.50'],
  ['+1.5', '1.5'],
  ['-0.0', '0.0'],
  ['-1.5', '-1.5'],
  ['0.000', '0.000'],
])('a value of %s is read as %s', (written, value) => {
  const read = readDocument(gasPack, spoil(gasXml, 'value="1.001"', `value="${written}"`), ZONE);
  expect(read.kind === 'document' && read.document.rows[0]?.value).toBe(value);
});

test('prefixes do not matter', () => {
  const prefixed = gasXml.replaceAll(/<(\/?)([A-Z])/g, '<$1n0:$2').replace('xmlns=', 'xmlns:n0=');
  expect(readDocument(gasPack, prefixed, ZONE)).toEqual(readDocument(gasPack, gasXml, ZONE));
});

test('a namespace that the pack does not know is refused wherever it is declared, one that it declares is not', () => {
  const own = spoil(gasXml, '<Location ', '<Location xmlns:n0="urn:odecet:unverified:gasdat:1" ');
  expect(readDocument(gasPack, own, ZONE)).toEqual(readDocument(gasPack, gasXml, ZONE));
  for (const [from, to] of [
    ['<GASDAT ', '<GASDAT xmlns:a="urn:a" '],
    ['<Location ', '<Location xmlns:a="urn:a" '],
  ] as const)
    expect(whyRefused(gasPack, spoil(gasXml, from, to))).toContain('declares the namespace urn:a');
  const knowing = packFrom(packText('gasdat').replace('"@xmlns":', '"@xmlns:a": "urn:a"\n    "@xmlns":'));
  expect(readDocument(knowing, spoil(gasXml, '<GASDAT ', '<GASDAT xmlns:a="urn:a" '), ZONE).kind).toBe('document');
});

test('where one status stands for several qualities, the least trusted is read', () => {
  const merged = packFrom(packText('gasdat').replace('computed: COMPUTED', 'computed: MEASURED'));
  const read = readDocument(merged, gasXml, ZONE);
  expect(read.kind === 'document' && read.document.rows[0]?.quality).toBe('computed');
});

describe('a pack that says the unit in every interval', () => {
  const pack = packFrom(
    packText('gasdat')
      .replace('        "@unit": "{channel.unit}"\n', '')
      .replace('          "@value":', '          "@unit": "{channel.unit}"\n          "@value":'),
  );
  const xml = madeXml(
    pack,
    requestOf(pack, '2026-03-28', [
      pointDay({ pack, day: '2026-03-28', minutes: 60 }, GAS_POINTS[0], ['volume', 'energy']),
    ]),
  );

  test('is read like one that says it once', () => {
    expect(readDocument(pack, xml, ZONE)).toEqual(readDocument(gasPack, gasXml, ZONE));
  });

  test('refuses one interval of a channel in another unit', () => {
    expect(whyRefused(pack, spoil(xml, /unit="M3"(?! value="1\.001")/, 'unit="KWH"'))).toMatch(
      /Data@unit says "KWH" where "M3" was said before/,
    );
  });
});

describe('refused', () => {
  test.each<[string, string | RegExp, string, RegExp]>([
    ['another message code', 'ODECET-GAS-HOURLY', 'GB1', /message\.code/],
    ['another namespace', 'gasdat:1', 'gasdat:2', /GASDAT stands where GASDAT should/],
    ['an unknown attribute', '<Location ', '<Location extra="1" ', /unknown attribute extra/],
    ['a missing attribute', / status="MEASURED"/, '', /Data lacks status/],
    ['an unknown element', '</Profile>', '<More/></Profile>', /has More where none should be/],
    ['text where none should be', '</Profile>', 'x</Profile>', /Profile has text/],
    ['no sender', /<SenderIdentification.*/, '', /stands where|lacks SenderIdentification/],
    ['an unknown status', 'status="MEASURED"', 'status="GUESSED"', /"GUESSED" is not a status/],
    ['an unknown role', 'value-type="VOLUME"', 'value-type="HEAT"', /no channel has the role "HEAT"/],
    ["another channel's unit", 'unit="M3"', 'unit="KWH"', /channel\.unit/],
    ['another resolution', 'resolution="PT60M"', 'resolution="PT15M"', /are not for this pack/],
    ['a value that is no number', 'value="1.001"', 'value="1e3"', /not a decimal number/],
    [
      'an hour of another day',
      '2026-03-28T06:00:00+01:00" date-time-to="2026-03-28T07',
      '2026-03-27T06:00:00+01:00" date-time-to="2026-03-28T07',
      /is not a place of the day/,
    ],
    [
      'an hour that ends elsewhere',
      'date-time-to="2026-03-28T07:00:00+01:00"',
      'date-time-to="2026-03-28T08:00:00+01:00"',
      /is not 60 min after/,
    ],
    [
      'a day that begins elsewhere',
      'date-time-to="2026-03-29T06:00:00+02:00"',
      'date-time-to="2026-03-29T06:00:00+01:00"',
      /is not the end of day/,
    ],
    [
      'a time without offset',
      'date-time-from="2026-03-28T06:00:00+01:00"',
      'date-time-from="2026-03-28T06:00:00"',
      /not an instant/,
    ],
    ['a document type', '<GASDAT', '<!DOCTYPE GASDAT><GASDAT', /document type/],
  ])('%s', (_, from, to, why) => {
    expect(whyRefused(gasPack, spoil(gasXml, from, to))).toMatch(why);
  });

  test('a second point of another day', () => {
    const shape = { pack: gasPack, day: '2026-03-28', minutes: 60 };
    const points = GAS_POINTS.map((code) => pointDay(shape, code, ['volume']));
    const second = new RegExp(`(opm-id="${GAS_POINTS[1]}" gas-day=)"2026-03-28"`);
    const other = spoil(madeXml(gasPack, requestOf(gasPack, shape.day, points)), second, '$1"2026-03-27"');
    expect(whyRefused(gasPack, other)).toMatch(/Location@gas-day says "2026-03-27" where "2026-03-28" was said before/);
  });

  test('a period beyond the day or that is none', () => {
    for (const period of ['93', '0', '1.0', '-1', ''])
      expect(whyRefused(electricityPack, spoil(electricityXml, 'period="92"', `period="${period}"`))).toMatch(
        /is no period|is not a place of the day|Data@period is ""/,
      );
  });

  test('doubled intervals are read as they stand: counting them is the reader’s user’s task', () => {
    const doubled = spoil(electricityXml, 'period="2"', 'period="1"');
    const read = readDocument(electricityPack, doubled, ZONE);
    expect(read.kind === 'document' && read.document.rows.slice(0, 2).map(({ start }) => start)).toEqual([
      Date.UTC(2026, 2, 28, 23),
      Date.UTC(2026, 2, 28, 23),
    ]);
  });
});
