import { describe, expect, test } from 'vitest';
import { problemText } from '../core/problem.ts';
import { checkDeviceFile } from './parse.ts';
import { changed, GAS_MODEL, POWER_MODEL } from './site.testkit.ts';

type Change = readonly [from: string, to: string];

function told(text: string, ...changes: Change[]): string[] {
  const checked = checkDeviceFile(changed(text, ...changes), 'd.yaml');
  return checked.ok ? [] : checked.problems.map((problem) => problemText(problem).replace(/^d\.yaml:\d+:\d+: /, ''));
}

const SELECTOR = `archive:
  pattern: selector
  select: { address: 0x8900, function: 16, newest: 0xffff }
  window: { table: holding, address: 0x8910, registers: 12 }
  older: { offset: 0 }
  records: 100
  usable: { offset: 6, is: [0] }
  stamp: { offset: 4, type: unix-u32 }
  values:
    - { quantity: volume.base.total, unit: m3, offset: 8, type: u64 }
tests:`;
const FLAGS = `flags:
  - { flag: alarm, modbus: { table: coil, address: 3 } }
  - { flag: low-battery, modbus: { table: holding, block: current, offset: 9, bit: 15 } }
tests:`;

describe('an archive behind a selector', () => {
  test('passes when it is sound', () => {
    expect(told(GAS_MODEL, ['tests:', SELECTOR])).toEqual([]);
  });

  test.each<[string, Change, string]>([
    [
      'a value beyond the window',
      ['registers: 12', 'registers: 11'],
      'archive.values.0.offset: found offset 8, which ends at 12, expected an end within the window of 11',
    ],
    [
      'the older number beyond it',
      ['older: { offset: 0 }', 'older: { offset: 12 }'],
      'archive.older.offset: found offset 12, which ends at 13, expected an end within the window of 12',
    ],
    [
      'the mark beyond it',
      ['usable: { offset: 6', 'usable: { offset: 12'],
      'archive.usable.offset: found offset 12, which ends at 13, expected an end within the window of 12',
    ],
    [
      'a window beyond the last register',
      ['address: 0x8910', 'address: 65530'],
      'archive.window.address: found 65530, expected room for 12 registers',
    ],
    [
      'a function that is not for this',
      ['function: 16', 'function: 15'],
      'archive.select.function: found the number 15, expected 6 or 16',
    ],
    ['a pattern that there is not', ['pattern: selector', 'pattern: selecter'], 'archive.pattern: found "selecter"'],
  ])('%s', (_, change, expected) => {
    expect(told(GAS_MODEL, ['tests:', changed(SELECTOR, change)]).join('\n')).toContain(expected);
  });

  test('a window that one request cannot read', () => {
    const small: Change = ['blocks: {', 'modbus: { registersMax: 11 }\nblocks: {'];
    expect(told(GAS_MODEL, small, ['tests:', SELECTOR])).toEqual([
      'archive.window.registers: found 12, expected no more than registersMax (11); it is read at once',
    ]);
  });
});

describe('status bits', () => {
  test('pass when they are sound', () => {
    expect(told(GAS_MODEL, ['tests:', FLAGS])).toEqual([]);
  });

  test.each<[string, Change, string]>([
    ['a flag that there is not', ['flag: alarm', 'flag: alarms'], 'flags.0.flag: found "alarms"'],
    [
      'a register without a bit',
      [', bit: 15', ''],
      'flags.1.modbus.bit: found a section, expected "bit:" in a register',
    ],
    ['a coil with a bit', ['address: 3', 'address: 3, bit: 0'], 'flags.0.modbus.bit: found the number 0'],
    [
      'an unnamed block',
      ['block: current', 'block: curent'],
      'flags.1.modbus.block: found "curent", expected "current"',
    ],
  ])('%s', (_, change, expected) => {
    expect(told(GAS_MODEL, ['tests:', changed(FLAGS, change)]).join('\n')).toContain(expected);
  });

  test('none in an M-Bus file', () => {
    expect(told(POWER_MODEL, ['tests:', changed(FLAGS, [', block: current, offset: 9', ', address: 9'])])).toEqual([
      'flags: found flags, expected none: an M-Bus meter sends a status byte; remove "flags:"',
    ]);
  });
});

describe('a value of several parts', () => {
  const residual = 'type: u32, residual: { type: u16, factor: "0.01" }';

  test.each<[string, Change, string]>([
    ['more than a request', ['type: u32', residual], 'readings.0.modbus.type: found "u32" of 3 registers'],
    ['tariffs beyond a request', ['type: u32', 'type: u32, tariffs: 2'], 'found "u32" of 4 registers'],
  ])('%s', (_, change, expected) => {
    const small: Change = ['blocks: {', 'modbus: { registersMax: 2 }\nblocks: {'];
    expect(told(GAS_MODEL, small, change).join('\n')).toContain(expected);
  });

  test('a residual of several tariffs', () => {
    expect(told(GAS_MODEL, ['type: u32', `${residual}, tariffs: 2`])).toEqual([
      'readings.0.modbus.residual: found a residual of several tariffs, expected one or the other',
    ]);
  });
});
