import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type modbusSerial from 'modbus-serial';
import { afterEach, describe, expect, test } from 'vitest';
import { createModbusDriver } from '../../drivers/modbus/index.ts';
import { deviceLibrary, loadDeviceModel } from '../../src/app/device-files.ts';
import { startMeterPark } from '../../src/app/meter-park.ts';
import { type DialogueOutcome, runDialogue } from '../../src/collect/dialogue.ts';
import { decimalText } from '../../src/core/decimal.ts';
import { parseUtc } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { type DeviceModel, deviceModelSchema } from '../../src/device/model.ts';
import { deviceSchema, type LineConfig } from '../../src/device/site.ts';
import { hostClock } from '../../src/host/clock.ts';
import { serialLine } from '../../src/host/line-serial.ts';
import { tcpLine } from '../../src/host/line-tcp.ts';
import type { Line } from '../../src/machine/line.ts';
import { hasProgram, ptyPair, ptyPort } from '../kit/pty.ts';

/**
 * Independent programs at the other end of serial lines: pymodbus as a meter, mbpoll, libmodbus and modbus-serial as masters, ser2net
 * between.
 */

// Its types tell of an export that Node does not see.
const ModbusSerial = createRequire(import.meta.url)('modbus-serial') as new () => InstanceType<
  typeof modbusSerial.default
>;

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const PEERS = join(import.meta.dirname, '../peers');
const SETTING = { baud: 9_600, dataBits: 8, parity: 'even', stopBits: 1 } as const;
const UNIT = 3;
/** The SDM630's energy import, a float in two input registers. */
const ENERGY_IMPORT = 0x48;

const tidy: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of tidy.splice(0).reverse()) await each();
});

const hasSocat = hasProgram('socat');
const needs = (programs: readonly string[], python: readonly string[] = []) =>
  hasSocat && programs.every(hasProgram) && python.every(hasPython);

function hasPython(code: string): boolean {
  return spawnSync(PYTHON, ['-c', code]).status === 0;
}

test.skipIf(!needs([], ['import pymodbus.server, serial_asyncio'])).each(['rtu', 'ascii'] as const)(
  'pymodbus as a meter on a serial port, %s (skipped where python3-pymodbus, python3-serial-asyncio or socat are missing)',
  async (framing) => {
    const pair = await ptyPair();
    tidy.push(() => pair.remove());
    await started([join(PEERS, 'serial_server.py'), framing, pair.b, String(UNIT)], 'ready');
    const line = serialAt(pair.a);
    const device = bound(counterAt('holding', 17), `modbus-${framing}`);
    // It says that it is ready before it listens.
    for (let tries = 5; tries > 0 && !(await read(line, device, 1)).ok; tries--) await delay(200);
    const end = await read(line, device, 20);
    expect(indexOf(end)).toBe('1017');
  },
  30_000,
);

describe('our simulated meter, asked by others', () => {
  test.skipIf(!needs(['mbpoll']))(
    'mbpoll over RTU on a serial port (skipped where mbpoll or socat are missing)',
    async () => {
      const { port, index } = await startMeter('modbus-rtu');
      const pty = await ptyPort(port);
      tidy.push(() => pty.remove());
      const { stdout } = await run('mbpoll', ['-m', 'rtu', '-b', '9600', '-P', 'even', ...MBPOLL, pty.path]);
      expect(mbpollValue(stdout)).toBeCloseTo(index, 2);
    },
    30_000,
  );

  test.skipIf(!needs(['mbpoll']))(
    'mbpoll over Modbus TCP (skipped where mbpoll is missing)',
    async () => {
      const { port, index } = await startMeter('modbus-tcp');
      const { stdout } = await run('mbpoll', ['-m', 'tcp', '-p', String(port), ...MBPOLL, '127.0.0.1']);
      expect(mbpollValue(stdout)).toBeCloseTo(index, 2);
    },
    30_000,
  );

  test.skipIf(!needs([], ['import ctypes; ctypes.CDLL("libmodbus.so.5")']))(
    'libmodbus over RTU on a serial port (skipped where libmodbus5 or socat are missing)',
    async () => {
      const { port, index } = await startMeter('modbus-rtu');
      const pty = await ptyPort(port);
      tidy.push(() => pty.remove());
      const calls = JSON.stringify([['input', ENERGY_IMPORT, 2]]);
      const { stdout } = await run(PYTHON, [join(PEERS, 'libmodbus_master.py'), 'rtu', pty.path, String(UNIT), calls]);
      const [[high = 0, low = 0] = []] = JSON.parse(stdout) as number[][];
      expect(floatOf([high, low])).toBe(index);
    },
    30_000,
  );
});

test.skipIf(!hasSocat)(
  'modbus-serial asks our simulated meter in ASCII frames on a serial port (skipped where socat is missing)',
  async () => {
    const { port, index } = await startMeter('modbus-ascii');
    const pty = await ptyPort(port);
    tidy.push(() => pty.remove());
    const client = new ModbusSerial();
    client.setID(UNIT);
    client.setTimeout(5_000);
    await client.connectAsciiSerial(pty.path, { baudRate: 9_600, parity: 'even' });
    tidy.push(() => new Promise<void>((resolve) => client.close(() => resolve())));
    const { data } = await client.readInputRegisters(ENERGY_IMPORT, 2);
    expect(floatOf(data)).toBe(index);
    await expect(client.readInputRegisters(5_000, 2)).rejects.toThrow('Illegal data address');
  },
  30_000,
);

test.skipIf(!needs(['ser2net']))(
  'our meter on a serial port behind ser2net, read by us (skipped where ser2net or socat are missing)',
  async () => {
    const { port, index, model } = await startMeter('modbus-rtu');
    const pty = await ptyPort(port);
    tidy.push(() => pty.remove());
    const line = tcpLine({ host: '127.0.0.1', port: await startSer2net(pty.path), connectWithinMs: 2_000 });
    tidy.push(() => line.close());
    const end = await read(line, bound(model, 'modbus-rtu'), 20);
    expect(Number(indexOf(end))).toBe(Math.fround(index));
  },
  30_000,
);

function floatOf([high = 0, low = 0]: readonly number[]): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, high);
  view.setUint16(2, low);
  return view.getFloat32(0);
}

/** Input registers as a big-endian float, counted from 0, once. */
const MBPOLL = ['-a', String(UNIT), '-0', '-r', String(ENERGY_IMPORT), '-c', '1', '-t', '3:float', '-B', '-1', '-q'];

function mbpollValue(output: string): number {
  const found = /^\[\d+\]:\s+(\S+)/m.exec(output)?.[1];
  return Number(found ?? Number.NaN);
}

/** Resolves when the Python program says the word; it is ended after the test. */
async function started(args: readonly string[], word: string): Promise<void> {
  const child = spawn(PYTHON, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  tidy.push(() => {
    child.kill('SIGKILL');
    return ended;
  });
  const [said] = await Promise.race([once(child.stdout, 'data'), ended.then(() => ['it ended'])]);
  expect(String(said)).toContain(word);
}

/** An SDM630 whose clock stands still, and what its counter shows. */
async function startMeter(framing: LineConfig['framing']) {
  const model = loadDeviceModel('eastron/sdm630', deviceLibrary([join(import.meta.dirname, '../../device-config')]));
  const start = parseUtc('2026-03-11T00:00:00Z');
  const port = await freePort();
  const device = deviceSchema.parse({ id: 'meter', model: 'eastron/sdm630', line: 'bus', address: UNIT });
  const meter = {
    device,
    framing,
    point: 'none',
    commodity: 'electricity',
    serial: '12345678',
    fullPerHour: 60_000,
    startIndex: 12_345_500,
    stores: false,
    minutes: 15,
  };
  const park = await startMeterPark({
    clock: { startWall: start, startedAtEpochMs: Date.now(), scale: 1e-9 },
    park: { seed: 1, zone: 'Europe/Prague', start, meters: [meter] },
    lines: [{ id: 'bus', port }],
  });
  tidy.push(() => park.close());
  return { port, model, index: 12_345.5 };
}

async function startSer2net(path: string): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'odecet-ser2net-'));
  tidy.push(() => rm(folder, { recursive: true }));
  const port = await freePort();
  const config = join(folder, 'ser2net.yaml');
  await writeFile(
    config,
    `connection: &meters
  accepter: tcp,127.0.0.1,${port}
  connector: serialdev,${path},9600e81,local
  options:
    kickolduser: true
`,
  );
  const child = spawn('ser2net', ['-n', '-c', config], { stdio: 'ignore' });
  tidy.push(async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  for (let n = 0; n < 200 && !(await listens(port)); n++) await delay(20);
  return port;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function serialAt(path: string): Line {
  const line = serialLine({ path, setting: SETTING, rts: 'high', lowLatency: true });
  tidy.push(() => line.close());
  return line;
}

function counterAt(table: 'holding' | 'input', address: number): DeviceModel {
  const value = { quantity: 'energy.active.import', unit: 'kWh' };
  const made = { source: 'made by hand', now: '' };
  return deviceModelSchema.parse({
    maker: 'Test',
    model: 'Meter',
    medium: 'electricity',
    protocol: 'modbus',
    hardwareTested: false,
    source: made.source,
    readings: [{ ...value, kind: 'counter', modbus: { table, address, type: 'u16' } }],
    tests: [{ name: 'none', ...made, expect: [{ ...value, value: '0' }] }],
  });
}

function bound(model: DeviceModel, framing: LineConfig['framing']): BoundDevice {
  const config = deviceSchema.parse({ id: 'meter', model: 'test/meter', line: 'bus', address: UNIT });
  return { config, model, framing, zone: 'Europe/Prague' };
}

/** Reads so many times; gives the last outcome when all were good, else the first that was not. */
async function read(line: Line, device: BoundDevice, times: number): Promise<DialogueOutcome> {
  const clock = hostClock();
  const driver = createModbusDriver();
  const rules = {
    gapTimeoutMs: 300,
    pauseMs: 0,
    dialogueLimitMs: 20_000,
    lateAnswerMs: 500,
    reopenAfterTimeout: true,
  };
  for (let left = times; ; left--) {
    await line.open();
    const session = driver.session(device, { want: 'current', now: clock.now() });
    const end = await runDialogue(line, clock, session, rules, new AbortController().signal);
    if (!end.ok || left === 1) return end;
  }
}

function indexOf(end: DialogueOutcome): string {
  expect(end).toMatchObject({ ok: true });
  const value = end.ok && end.result.values.find(({ quantity }) => quantity === 'energy.active.import');
  return value ? decimalText(value.value) : 'nothing';
}
