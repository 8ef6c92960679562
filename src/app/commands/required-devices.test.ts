import { expect, test } from 'vitest';
import type { Site } from '../../device/site.ts';
import { aSite } from '../app.testkit.ts';
import { requiredDevices } from './required-devices.ts';

const LINES = ['hall', 'yard'].map((id, n) => ({
  id,
  kind: 'tcp',
  host: '192.0.2.1',
  port: 502 + n,
  framing: 'mbus',
}));
const DEVICES = [
  { id: 'a', model: 'test/meter', line: 'hall', address: 1 },
  { id: 'b', model: 'test/meter', line: 'hall', address: 2 },
  { id: 'c', model: 'test/meter', line: 'yard', address: 3 },
];
const POINTS = [{ code: '27ZG500Z00000019', commodity: 'gas', metering: 'A', device: 'a', capacity: '100' }];
const BEFORE = aSite({ lines: LINES, devices: DEVICES, points: POINTS });

function changed(device: object, line: object = {}): Site {
  return aSite({
    lines: LINES.map((each) => (each.id === 'yard' ? { ...each, ...line } : each)),
    devices: DEVICES.map((each) => (each.id === 'c' ? { ...each, ...device } : each)),
    points: POINTS,
  });
}

/** Failures in a row of a, b and c. */
const told = (...failures: readonly number[]) =>
  failures.map((failuresInRow, n) => ({ device: 'abc'[n]!, failuresInRow }));

test.each<[string, Site, ReturnType<typeof told>, string[]]>([
  ['all are well', changed({}), told(0, 0, 0), ['a', 'b', 'c']],
  ['the gateway has just started and knows of none', changed({}), [], ['a', 'b', 'c']],
  ['one stumbled', changed({}), told(0, 1, 2), ['a', 'b', 'c']],
  ['one is dead', changed({}), told(0, 0, 3), ['a', 'b']],
  ['one is dead and the file is to mend it', changed({ address: 7 }), told(0, 0, 9), ['a', 'b', 'c']],
  ['one is dead, alone on a line that is changed', changed({}, { port: 9 }), told(0, 0, 9), ['a', 'b', 'c']],
  ['one is dead beside another on a line that is changed', changed({ line: 'hall' }), told(0, 9, 0), ['a', 'c']],
  ['all are dead, and the file changes none', changed({}), told(9, 9, 9), []],
])('required when %s', (_, next, status, ids) => {
  expect(requiredDevices(BEFORE, next, status)).toEqual(ids);
});
