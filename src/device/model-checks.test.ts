import { describe, expect, test } from 'vitest';
import { problemText } from '../core/problem.ts';
import { checkDeviceFile } from './parse.ts';
import { changed, GAS_MODEL, POWER_MODEL } from './site.testkit.ts';

type Change = readonly [from: string, to: string];

function told(text: string, ...changes: Change[]): string[] {
  const checked = checkDeviceFile(changed(text, ...changes), 'd.yaml');
  return checked.ok ? [] : checked.problems.map(problemText);
}

test('sound files pass', () => {
  expect(told(GAS_MODEL)).toEqual([]);
  expect(told(POWER_MODEL)).toEqual([]);
});

const ARCHIVE = `archive:
  pattern: records
  table: holding
  block: current
  stride: 6
  records: 10
  newest: first
  stamp: { offset: 0, type: unix-u32 }
  values:
    - { quantity: volume.base.total, unit: m3, offset: 2, type: u64 }
tests:`;

describe('a Modbus device file', () => {
  test.each<[string, Change, string]>([
    [
      'a unit of another dimension',
      ['unit: m3', 'unit: kWh'],
      '10:11: readings.0.unit: found "kWh" for volume.base.total, expected a unit of volume: "m3" or "l"',
    ],
    [
      'a counter that is none',
      ['kind: counter', 'kind: instantaneous'],
      '11:11: readings.0.kind: found "instantaneous", expected "counter"; volume and energy are counted',
    ],
    [
      'a time where a number is due',
      ['type: u32', 'type: unix-u32'],
      '12:64: readings.0.modbus.type: found "unix-u32", expected a type of number, e.g. "u32"',
    ],
    [
      'a place for another protocol',
      ['    modbus: {', '    mbus: { value: volume }\n    modbus: {'],
      '12:5: readings.0.mbus: found "mbus:", expected "modbus:"; protocol is modbus',
    ],
    [
      'a block that nobody named',
      ['block: current,', 'block: curent,'],
      '12:38: readings.0.modbus.block: found "curent", expected "current"; did you mean "current"?',
    ],
    [
      'address and block at once',
      ['block: current,', 'address: 1, block: current,'],
      '12:13: readings.0.modbus: found a section, expected either an address, or a block and an offset',
    ],
    [
      'a value that ends beyond the last register',
      ['block: current, offset: 0', 'address: 65535'],
      '12:40: readings.0.modbus.address: found 65535, expected room for 2 registers',
    ],
    [
      'a pattern that is too short',
      ['type: u32', 'type: u32, unavailable: ["ffff"]'],
      '12:83: readings.0.modbus.unavailable.0: found "ffff" (4 digits), expected 8 hex digits (u32 takes 2 registers)',
    ],
    [
      'a value wider than a request',
      ['blocks: {', 'modbus: { registersMax: 1 }\nblocks: {'],
      '13:64: readings.0.modbus.type: found "u32" of 2 registers, expected no more than registersMax (1); a value cannot be split over two requests',
    ],
    [
      'digits and a rollover at once',
      ['kind: counter', 'kind: counter\n    digits: 8\n    rollsOverAt: "100"'],
      '13:5: readings.0.rollsOverAt: found digits and rollsOverAt, expected one of them; remove one',
    ],
    [
      'a test without a place for the block',
      ['    blocks: { current: 0 }\n', ''],
      '14:5: tests.0: found no place for the block "current", expected "blocks:" with "current: address"',
    ],
    [
      'registers whose start cannot be read',
      ['"holding:0x0"', '"holding:0"'],
      '17:18: tests.0.registers.holding:0: found "holding:0", expected a table and an address like "holding:0x1000"',
    ],
    [
      'registers that are no words',
      ['"0000 0001"', '"0000 00"'],
      '17:33: tests.0.registers.holding:0x0: found "0000 00", expected registers of four hex digits each',
    ],
    [
      'a test at no certain instant',
      ['04:00:00Z', '04:00:00'],
      '18:10: tests.0.now: found "2026-07-01T04:00:00", expected an instant like "2026-03-28T05:00:00Z"; say the offset too: "Z", "+01:00" in winter, "+02:00" in summer',
    ],
    [
      'a record that is longer than its stride',
      ['tests:', changed(ARCHIVE, ['stride: 6', 'stride: 5'])],
      '22:56: archive.values.0.offset: found offset 2, which ends at 6, expected an end within the stride of 5',
    ],
    [
      'a block that nothing uses',
      ['current: the counters', 'current: the counters, other: nothing'],
      '7:34: blocks.other: found the block "other" that nothing uses, expected a block in use; remove it',
    ],
  ])('%s', (_, change, expected) => {
    expect(told(GAS_MODEL, change)).toContain(`d.yaml:${expected}`);
  });

  test('a sound archive passes', () => {
    expect(told(GAS_MODEL, ['tests:', ARCHIVE])).toEqual([]);
  });
});

describe('an M-Bus device file', () => {
  test.each<[string, Change, string]>([
    [
      'a stamp that is no time',
      [
        'mbus: { value: energy }',
        'mbus: { value: energy, storage: 1 }\n    stamp: { mbus: { value: date, storage: 1 } }',
      ],
      '12:29: readings.0.stamp.mbus.value: found "date", expected "time-point" (date and time)',
    ],
    [
      'a history without times',
      ['mbus: { value: energy }', 'mbus: { value: energy, storage: 1, storageTo: 12 }'],
      '8:5: readings.0: found a history without a stamp, expected a "stamp:" with the time-points; say where the times stand',
    ],
    [
      'an archive, which M-Bus has not',
      ['tests:', ARCHIVE],
      '12:1: archive: found an archive over mbus, expected protocol "modbus"',
    ],
    [
      'a history that ends before it begins',
      [
        'mbus: { value: energy }',
        'mbus: { value: energy, storage: 2, storageTo: 1 }\n    stamp: { mbus: { value: time-point, storage: 2, storageTo: 1 } }',
      ],
      '11:51: readings.0.mbus.storageTo: found 1, expected 2 (storage) or more',
    ],
    [
      'an identity, which M-Bus sends by itself',
      ['tests:', 'identity: { modbus: { table: holding, address: 0, type: u32 } }\ntests:'],
      '12:1: identity: found an identity, expected none: an M-Bus meter sends its own; remove "identity:"',
    ],
    [
      'a telegram that is not hex',
      ['"68 00"', '"68 0"'],
      '15:15: tests.0.telegram: found text that is not hex, expected pairs of hex digits',
    ],
    [
      'a quantity twice',
      ['tests:', '  - { quantity: energy.active.import, unit: kWh, kind: counter, mbus: { value: energy } }\ntests:'],
      '12:17: readings.1.quantity: found "energy.active.import" (without a stamp) a second time, expected each quantity once now and once stored',
    ],
  ])('%s', (_, change, expected) => {
    expect(told(POWER_MODEL, change)).toContain(`d.yaml:${expected}`);
  });
});
