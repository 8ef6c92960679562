import { describe, expect, it } from 'vitest';
import { problemText } from '../core/problem.ts';
import { checkSite } from './parse.ts';
import { changed, FILES, GAS_MODEL, libraryOf, POWER_MODEL, SITE } from './site.testkit.ts';

type Change = readonly [from: string, to: string];

/** What is told of a site that can be run, place and words. */
function warnings(changes: readonly Change[], files: Readonly<Record<string, string>> = FILES): string[] {
  const checked = checkSite(changed(SITE, ...changes), 'site.yaml', libraryOf(files));
  expect(checked.ok ? [] : checked.problems.map(problemText)).toEqual([]);
  return checked.warnings.map((one) => problemText(one).replace(/^site\.yaml:\d+:\d+: /, ''));
}

function problems(...changes: Change[]): string[] {
  const checked = checkSite(changed(SITE, ...changes), 'site.yaml', libraryOf());
  return checked.ok ? [] : checked.problems.map(problemText);
}

const UPLINK = 'uplink:\n  kind: direct';
const atTop = (text: string): Change => [UPLINK, `${text}\n${UPLINK}`];
const atGas = (text: string): Change => ['capacity: "400"', `capacity: "400"\n    ${text}`];
const atPower = (text: string): Change => ['capacity: "250.5"', `capacity: "250.5"\n    ${text}`];
const HEAT = 'combustionHeat:\n  - { day: 2026-07-01, kWhPerM3: "10.6649" }\n';
const OPERATING =
  'volume: operating\n    conversion: { method: fixed, ratio: "1", pressureKPa: "300", temperatureC: "15" }';
const OPERATING_FILES = {
  ...FILES,
  'test/corrector': GAS_MODEL.replaceAll('volume.base.total', 'volume.operating.total'),
};

/** Each just at its limit, and one step beyond. */
describe.each<[string, good: readonly Change[], bad: readonly Change[], where: string, what: string]>([
  [
    'samples further apart than an index is looked for between',
    [atTop('profile: { sampleGapMsMax: 60001 }')],
    [atTop('profile: { sampleGapMsMax: 60000 }')],
    'profile.sampleGapMsMax',
    'more than collect.everyMs, 60000',
  ],
  [
    'a clock that may be a whole interval off',
    [atTop('profile: { clockOffMsMax: 899999 }')],
    [atTop('profile: { clockOffMsMax: 900000 }')],
    'profile.clockOffMsMax',
    'less than an interval, 900000',
  ],
  [
    'a day that is closed when its samples are gone',
    [atTop('storage: { retention: { samplesDays: 2 } }\nsendAfterMs: 79200000')],
    [atTop('storage: { retention: { samplesDays: 2 } }\nsendAfterMs: 79200001')],
    'sendAfterMs',
    'less than the samples of a day are kept',
  ],
  [
    'gas without combustion heat',
    [[HEAT, 'combustionHeatFile: heat.csv\n']],
    [[HEAT, '']],
    'points.0.commodity',
    'found gas without combustion heat',
  ],
  [
    'a run without use that is longer than intervals are kept',
    [atTop('storage: { retention: { intervalsDays: 60 } }'), atGas('validation: { zeroRunHours: 1439 }')],
    [atTop('storage: { retention: { intervalsDays: 60 } }'), atGas('validation: { zeroRunHours: 1440 }')],
    'points.0.validation.zeroRunHours',
    'so long a run is never seen',
  ],
  [
    'the same for all points',
    [atTop('storage: { retention: { intervalsDays: 60 } }\nprofile: { validation: { estimatedHoursMax: 1439 } }')],
    [atTop('storage: { retention: { intervalsDays: 60 } }\nprofile: { validation: { estimatedHoursMax: 1440 } }')],
    'profile.validation.estimatedHoursMax',
    'so long a run is never seen',
  ],
  [
    'samples that do not fit into the store',
    [atTop('storage: { maxBytes: 38880000 }\ncollect: { everyMs: 2000 }')],
    [atTop('storage: { maxBytes: 38879999 }\ncollect: { everyMs: 2000 }')],
    'storage.maxBytes',
    'room for what is kept, about 39 MB: samples 19, stored readings 0, intervals and messages 21',
  ],
  [
    'an estimation that allows nothing',
    [atPower('estimation: { likeDay: true }')],
    [atPower('estimation: { likeDay: false }')],
    'points.1.estimation',
    '"estimation:" that allows nothing',
  ],
  [
    'equal shares over less than an interval',
    [atGas('estimation: { linearMinutesMax: 60 }'), atPower('estimation: { linearMinutesMax: 15 }')],
    [atGas('estimation: { linearMinutesMax: 59 }'), atPower('estimation: { linearMinutesMax: 15 }')],
    'points.0.estimation.linearMinutesMax',
    'at least one interval, 60',
  ],
  [
    'a limit of estimates where nothing is estimated',
    [atGas('validation: { estimatedHoursMax: 5 }\n    estimation: { likeDay: true }')],
    [atGas('validation: { estimatedHoursMax: 5 }')],
    'points.0.validation.estimatedHoursMax',
    'nothing is estimated',
  ],
  [
    'a multiplier that begins after the first day',
    [atPower('from: 2026-01-01')],
    [atPower('from: 2025-12-31')],
    'devices.1.multiplier.0.from',
    'an instant before 2025-12-31 begins, the first day of 859182400500000017',
  ],
  [
    'a web service with a key in its address',
    [atTop('combustionHeatSource: { url: "https://h.example/heat?zone=1", format: csv, day: d, value: v }')],
    [atTop('combustionHeatSource: { url: "https://h.example/heat?apikey=s3cret", format: csv, day: d, value: v }')],
    'combustionHeatSource.url',
    'found "https://h.example/heat?apikey=masked", expected an address without names, passwords and keys',
  ],
  [
    'a broker with a password in its address',
    [atTop('sparkplug: { broker: { url: "mqtts://b.example:8883" } }')],
    [atTop('sparkplug: { broker: { url: "mqtts://me:s3cret@b.example:8883" } }')],
    'sparkplug.broker.url',
    'say "username:" and "passwordFile:"',
  ],
])('%s', (_, good, bad, where, what) => {
  it('is told, and not at the limit', () => {
    expect(warnings(good)).toEqual([]);
    const told = warnings(bad);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`${where}: `);
    expect(told[0]).toContain(what);
    expect(told[0]).not.toContain('s3cret');
  });
});

it('a rule that needs flow where the device shows none is told, and not where it does', () => {
  const flow = `readings:
  - quantity: flow.base
    unit: m3/h
    kind: instantaneous
    modbus: { table: holding, block: current, offset: 2, type: u32 }
`;
  const withFlow = { ...FILES, 'test/corrector': changed(GAS_MODEL, ['readings:\n', flow]) };
  const stated = atGas('validation: { staleMinutes: 60 }');
  expect(warnings([stated], withFlow)).toEqual([]);
  expect(warnings([stated])).toEqual([
    'points.0.validation.staleMinutes: found "staleMinutes:", and "corrector" does not show flow.base, expected a device that shows flow.base; remove it',
  ]);
});

it('a converted volume is divided over a gap only where pressure and temperature are stated, and its sum is not judged', () => {
  const shown = `readings:
  - quantity: temperature
    unit: °C
    kind: instantaneous
    modbus: { table: holding, block: current, offset: 2, type: u32 }
`;
  const files = {
    ...OPERATING_FILES,
    'test/corrector': changed(OPERATING_FILES['test/corrector'], ['readings:\n', shown]),
  };
  const read = OPERATING.replace(', temperatureC: "15"', '');
  const of = (conversion: string, text: string) => warnings([atGas(`${conversion}\n    ${text}`)], files);
  const wanted = '"pressureKPa:" and "temperatureC:" under "conversion:"';
  for (const rule of ['likeDay: true, scaled: true', 'linearMinutesMax: 60']) {
    expect(of(OPERATING, `estimation: { ${rule} }`)).toEqual([]);
    expect(of(read, `estimation: { ${rule} }`).join()).toContain(wanted);
  }
  expect(of(read, 'estimation: { likeDay: true }')).toEqual([]);
  expect(of(OPERATING, 'validation: { sumTolerance: "1" }').join()).toContain('converted volumes are not judged');
});

it('a counter that may begin anew within an interval is told, by its digits, its unit and its multiplier', () => {
  // 250.5 kW for a quarter of an hour, times 1.2 and divided by the least multiplier: 1.87875 kWh.
  const files = (digits: string) => ({
    ...FILES,
    'test/meter': changed(POWER_MODEL, ['kind: counter\n', `kind: counter\n    ${digits}\n`]),
  });
  expect(warnings([], files('digits: 1'))).toEqual([]);
  expect(warnings([], files('rollsOverAt: "1.87876"'))).toEqual([]);
  expect(warnings([], files('rollsOverAt: "1.87875"'))).toEqual([
    'points.1.capacity: found "250.5", expected less than energy.active.import counts before it begins anew, 1.87875 kWh, in 15 minutes; correct the capacity, the multiplier or the digits in the device file',
  ]);
});

describe('what no site can mean is refused', () => {
  it.each<[string, Change, string]>([
    ['combustion heat in MJ', ['"10.6649"', '"38.4"'], 'found "38.4", expected kWh/m3, 5 to 15'],
    ['a tolerance below zero', atGas('validation: { sumTolerance: "-1" }'), 'found "-1", expected zero or more'],
    [
      'the same for all points',
      atTop('profile: { validation: { sumTolerance: "-0.001" } }'),
      'profile.validation.sumTolerance: found "-0.001"',
    ],
    ['a channel twice', ['[import]', '[import, import]'], 'found a channel twice, expected each channel once'],
    ['a first day that does not exist', atGas('from: 2026-02-30'), 'found "2026-02-30", expected a day that exists'],
  ])('%s', (_, change, what) => {
    expect(problems(change)).toHaveLength(1);
    expect(problems(change)[0]).toContain(what);
  });

  it('and not at the limit', () => {
    expect(problems(['"10.6649"', '"15"'])).toEqual([]);
    expect(problems(['"10.6649"', '"5.0"'])).toEqual([]);
    expect(problems(['"10.6649"', '"15.0001"'])).toHaveLength(1);
    expect(problems(atGas('validation: { sumTolerance: "0" }'))).toEqual([]);
  });
});
