import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { mbusDriver } from '../drivers/mbus/index.ts';
import { modbusDriver } from '../drivers/modbus/index.ts';
import { converse, RegisterMeter } from '../drivers/modbus/meter.testkit.ts';
import { decimalText } from '../src/core/decimal.ts';
import type { ReadResult, Step } from '../src/core/driver.ts';
import { problemText } from '../src/core/problem.ts';
import { isoUtc, parseUtc } from '../src/core/time.ts';
import type { BoundDevice } from '../src/device/bound.ts';
import type { DeviceModel, ModelTest } from '../src/device/model.ts';
import { checkDeviceFile, checkSite, type ModelLibrary } from '../src/device/parse.ts';

/** Every device file, and every example in it decoded by the real driver. A new file is found by itself. */
const FOLDER = new URL('../device-config/', import.meta.url);
const textOf = (name: string): string => readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8');
const names = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml') && !file.startsWith('example/'))
  .map((file) => file.replace(/\.yaml$/, ''))
  .sort();
const library: ModelLibrary = {
  names,
  read: (name) => (names.includes(name) ? { file: `${name}.yaml`, text: textOf(name) } : undefined),
};

function modelOf(name: string): DeviceModel {
  const checked = checkDeviceFile(textOf(name), `device-config/${name}.yaml`);
  if (!checked.ok) throw new Error(checked.problems.map(problemText).join('\n'));
  return checked.value;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/gi) ?? [], (pair) => Number.parseInt(pair, 16));
}

function bound(model: DeviceModel, example: ModelTest, address: number): BoundDevice {
  const config = {
    id: 'meter',
    model: 'maker/model',
    line: 'line',
    address,
    multiplier: [],
    blocks: example.blocks ?? {},
  };
  return { config, model, framing: model.protocol === 'mbus' ? 'mbus' : 'modbus-rtu', zone: example.zone };
}

/** The meter of an M-Bus example: acknowledges what is to be acknowledged, and answers a request for data. */
function readMbus(model: DeviceModel, example: ModelTest): Step {
  const telegram = bytesOf(example.telegram ?? '');
  const device = bound(model, example, telegram[5] ?? 0);
  const session = mbusDriver.session(device, { want: 'current', now: parseUtc(example.now) });
  const isRequest = (frame: Uint8Array): boolean => ((frame[1] ?? 0) & 0x0f) === 0x0b;
  let step = session.start();
  for (let turn = 0; turn < 100 && step.kind !== 'read' && step.kind !== 'missed'; turn++)
    step =
      step.kind === 'send'
        ? session.received(isRequest(step.bytes) ? telegram : Uint8Array.of(0xe5))
        : session.silent();
  return step;
}

const TABLES = ['holding', 'input', 'coil', 'discrete'] as const;

function readModbus(model: DeviceModel, example: ModelTest): Step {
  const meter = new RegisterMeter(1);
  for (const [start, words] of Object.entries(example.registers ?? {})) {
    const [table, address] = start.split(':');
    const values = words.match(/[0-9a-f]{4}/gi)?.map((word) => Number.parseInt(word, 16)) ?? [];
    meter.write(TABLES.find((name) => name === table)!, Number(address), values);
  }
  const session = modbusDriver.session(bound(model, example, 1), { want: 'current', now: parseUtc(example.now) });
  const { end, requests } = converse(session, (frame) => meter.rtu(frame));
  for (const request of requests)
    expect(Number(request.split('+')[1]), `registers in "${request}"`).toBeLessThanOrEqual(model.modbus.registersMax);
  return end;
}

function resultOf(step: Step): ReadResult {
  if (step.kind !== 'read') throw new Error(`the example is not read: ${JSON.stringify(step)}`);
  return step.result;
}

describe.each(names)('%s', (name) => {
  const model = modelOf(name);

  test.each(model.tests)('$name', (example) => {
    const result = resultOf(model.protocol === 'mbus' ? readMbus(model, example) : readModbus(model, example));
    const read = result.values.map(({ quantity, value, unit, storedAt, flags }) => ({
      quantity,
      value: decimalText(value),
      unit,
      flags,
      ...(storedAt === undefined ? {} : { at: isoUtc(storedAt) }),
    }));
    const inOrder = (values: readonly object[]): string[] => values.map((value) => JSON.stringify(value)).sort();
    const expected = example.expect.map(({ quantity, value, unit, flags, at }) => ({
      quantity,
      value,
      unit,
      flags,
      ...(at === undefined ? {} : { at }),
    }));
    expect(inOrder(read)).toEqual(inOrder(expected));
  });

  test('names its schema in the first line, for editors', () => {
    expect(textOf(name)).toMatch(/^# yaml-language-server: \$schema=\.\.\/device\.schema\.json\n/);
  });
});

test('the clock of a meter that sends it is read', () => {
  for (const name of ['generic/mbus-gas-corrector', 'generic/modbus-gas-corrector']) {
    const model = modelOf(name);
    const [example] = model.tests;
    const result = resultOf(model.protocol === 'mbus' ? readMbus(model, example!) : readModbus(model, example!));
    expect(Math.abs((result.clock ?? 0) - parseUtc(example!.now)), name).toBeLessThan(60_000);
  }
});

test('the example site is sound, without a warning', () => {
  const checked = checkSite(textOf('example/site'), 'device-config/example/site.yaml', library);
  expect(checked.ok ? [] : checked.problems.map(problemText)).toEqual([]);
  expect(checked.warnings.map(problemText)).toEqual([]);
});
