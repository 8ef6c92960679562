import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SaxesParser } from 'saxes';
import type { BoundDevice } from '../../src/device/bound.ts';
import { deviceModelSchema } from '../../src/device/model.ts';
import type { DeviceConfig } from '../../src/device/site.ts';
import { longFrame } from './frame.ts';

/** Helpers of this folder's tests: hex, telegrams made by hand, and the recorded frames with what libmbus makes of them. */

export function unhex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** id 12345678, manufacturer KAM, version 1, medium gas. */
export const HEADER = '78 56 34 12 2d 2c 01 03 2a 00 00 00';

/** An answer (RSP_UD, CI 72) of address 1 whose data records are given in hex. */
export function answer(records: string, header = HEADER, address = 1): Uint8Array {
  return longFrame(0x08, address, 0x72, unhex(`${header} ${records}`));
}

const SHARED = resolve(import.meta.dirname, '../..', process.env.ODECET_SHARED ?? '../shared', 'mbus-frames');
export const recordedFramesFolder = existsSync(SHARED) ? SHARED : undefined;

export interface ExpectedRecord {
  readonly fields: Readonly<Record<string, string>>;
}

export interface RecordedFrame {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly slave: Readonly<Record<string, string>>;
  readonly records: readonly ExpectedRecord[];
}

export function recordedFrames(folder: string): RecordedFrame[] {
  return hexFiles(folder).map(({ name, bytes }) => {
    // The files are UTF-8 whatever their declaration says.
    const xml = readFileSync(join(folder, `${name}.norm.xml`), 'utf8');
    return { name, bytes, ...parseExpected(xml) };
  });
}

export function hexFiles(folder: string): { name: string; bytes: Uint8Array }[] {
  const names = readdirSync(folder).filter((file) => file.endsWith('.hex'));
  return names.map((file) => ({
    name: file.replace('.hex', ''),
    bytes: unhex(readFileSync(join(folder, file), 'latin1')),
  }));
}

function parseExpected(xml: string): Pick<RecordedFrame, 'slave' | 'records'> {
  const slave: Record<string, string> = {};
  const records: { fields: Record<string, string> }[] = [];
  let into = slave;
  let text = '';
  const parser = new SaxesParser();
  parser.on('opentag', (tag) => {
    text = '';
    if (tag.name === 'DataRecord') {
      into = {};
      records.push({ fields: into });
    }
  });
  parser.on('text', (piece) => {
    text += piece;
  });
  parser.on('closetag', (tag) => {
    if (tag.name !== 'DataRecord' && tag.name !== 'SlaveInformation' && tag.name !== 'MBusData') into[tag.name] = text;
  });
  parser.write(xml).close();
  return { slave, records };
}

const TEST = {
  name: 'one telegram',
  source: 'made by hand from EN 13757-3',
  now: '2026-03-28T05:00:00Z',
  expect: [{ quantity: 'volume.base', value: '1', unit: 'm3' }],
};

/** A meter at address 1 in Prague whose device file has these readings. */
export function boundDevice(
  readings: readonly unknown[],
  { model = {}, config = {} }: { model?: object; config?: Partial<DeviceConfig> } = {},
): BoundDevice {
  const parsed = deviceModelSchema.parse({
    maker: 'test',
    model: 'test',
    medium: 'gas',
    protocol: 'mbus',
    hardwareTested: false,
    source: 'none',
    readings,
    tests: [TEST],
    ...model,
  });
  const device = { id: 'meter', model: 'test/test', line: 'bus', address: 1, multiplier: [], blocks: {}, ...config };
  return { config: device, model: parsed, framing: 'mbus', zone: 'Europe/Prague' };
}
