import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type modbusSerial from 'modbus-serial';
import { afterEach, describe, expect, test } from 'vitest';
import { createModbusDriver } from '../../drivers/modbus/index.ts';
import { type DialogueOutcome, runDialogue } from '../../src/collect/dialogue.ts';
import { dialogueRules } from '../../src/collect/rules.ts';
import { decimalText } from '../../src/core/decimal.ts';
import type { ReadRequest } from '../../src/core/driver.ts';
import { parseUtc } from '../../src/core/time.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { deviceModelSchema } from '../../src/device/model.ts';
import { deviceSchema } from '../../src/device/site.ts';
import { hostClock } from '../../src/host/clock.ts';
import { tcpLine } from '../../src/host/line-tcp.ts';
import { modbusMeter } from '../../src/sim/meter/modbus-meter.ts';
import type { RegisterImage, SimTable } from '../../src/sim/meter/registers.ts';
import { hasProgram, ptyPort } from '../kit/pty.ts';

/**
 * Independent programs at the other end: pymodbus serves ASCII frames, modbus-serial serves and asks in TCP and RTU frames. All four
 * reading functions and the writing of a selector, both ways.
 */

const run = promisify(execFile);
const PYTHON = '/usr/bin/python3';
const hasPymodbus = spawnSync(PYTHON, ['-c', 'import pymodbus.framer.ascii_framer, pymodbus.server']).status === 0;

const UNIT = 7;
const SELECTOR = 0x300;
const WINDOW = 0x310;
const NEWEST = parseUtc('2026-03-11T10:00:00Z');
const NOW = NEWEST + 60_000;

/** What stands behind every address that is asked; the window holds one record, an hour before which there is none. */
const CELLS: Readonly<Record<SimTable, Readonly<Record<number, number>>>> = {
  coil: { 3: 1, 4: 0 },
  discrete: { 9: 0, 10: 1 },
  holding: {
    10: 0x0012,
    11: 0xd687,
    [SELECTOR]: 0,
    [WINDOW]: 0xffff,
    [WINDOW + 1]: Math.floor(NEWEST / 1000 / 0x10000),
    [WINDOW + 2]: (NEWEST / 1000) % 0x10000,
    [WINDOW + 3]: 0x0012,
    [WINDOW + 4]: 0xd680,
  },
  input: { 20: 0xfb2e },
};

const COUNTER = { quantity: 'energy.active.import', unit: 'kWh' };
const MODEL = deviceModelSchema.parse({
  maker: 'test',
  model: 'peer',
  medium: 'electricity',
  protocol: 'modbus',
  hardwareTested: false,
  source: 'made by hand',
  readings: [
    { ...COUNTER, kind: 'counter', modbus: { table: 'holding', address: 10, type: 'u32', factor: '0.01' } },
    {
      quantity: 'power.active',
      unit: 'W',
      kind: 'instantaneous',
      modbus: { table: 'input', address: 20, type: 's16' },
    },
  ],
  flags: [
    { flag: 'alarm', modbus: { table: 'coil', address: 3 } },
    { flag: 'power-failed', modbus: { table: 'coil', address: 4 } },
    { flag: 'clock-invalid', modbus: { table: 'discrete', address: 9 } },
    { flag: 'low-battery', modbus: { table: 'discrete', address: 10 } },
  ],
  archive: {
    pattern: 'selector',
    select: { address: SELECTOR, function: 16, newest: 0xffff },
    window: { table: 'holding', address: WINDOW, registers: 5 },
    older: { offset: 0 },
    records: 100,
    stamp: { offset: 1, type: 'unix-u32' },
    values: [{ ...COUNTER, offset: 3, type: 'u32', factor: '0.01' }],
  },
  tests: [{ name: 'none', source: 'none', now: '2026-03-11T10:00:00Z', expect: [{ ...COUNTER, value: '0' }] }],
});
const CURRENT: ReadRequest = { want: 'current', now: NOW };
const ARCHIVE: ReadRequest = { want: 'archive', now: NOW, from: NEWEST, to: NEWEST };

const tidy: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of tidy.splice(0).reverse()) await each();
});

async function read(port: number, framing: BoundDevice['framing'], request: ReadRequest): Promise<DialogueOutcome> {
  const config = deviceSchema.parse({ id: 'meter', model: 'test/peer', line: 'line', address: UNIT });
  const device: BoundDevice = { config, model: MODEL, framing, zone: 'Europe/Prague' };
  const driver = createModbusDriver();
  const line = tcpLine({ host: '127.0.0.1', port, connectWithinMs: 2_000 });
  await line.open();
  try {
    const session = driver.session(device, request);
    return await runDialogue(line, hostClock(), session, dialogueRules(device, driver), new AbortController().signal);
  } finally {
    await line.close();
  }
}

function told(end: DialogueOutcome): unknown {
  if (!end.ok) return end.failure;
  return end.result.values.map(({ quantity, value, flags, storedAt }) => [
    quantity,
    decimalText(value),
    flags,
    storedAt,
  ]);
}

const FLAGS = ['alarm', 'low-battery'];
const NOW_VALUES = [
  ['energy.active.import', '12345.67', FLAGS, undefined],
  ['power.active', '-1234', FLAGS, undefined],
];
const STORED_VALUES = [['energy.active.import', '12345.60', [], NEWEST]];

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

test.skipIf(!hasPymodbus)(
  'our driver reads pymodbus in ASCII frames: registers, bits, and an archive behind a selector (skipped where Debian package python3-pymodbus is not installed)',
  async () => {
    const port = await freePort();
    const script = join(import.meta.dirname, '../peers/ascii_server.py');
    const peer = spawn(PYTHON, [script, String(port), String(UNIT), JSON.stringify(CELLS)], { stdio: 'ignore' });
    tidy.push(async () => {
      peer.kill();
      await once(peer, 'exit');
    });
    await listening(port);
    expect(told(await read(port, 'modbus-ascii', CURRENT))).toEqual(NOW_VALUES);
    expect(told(await read(port, 'modbus-ascii', ARCHIVE))).toEqual(STORED_VALUES);
  },
  20_000,
);

/** Python needs a moment; nobody says when its socket listens. */
async function listening(port: number): Promise<void> {
  for (let tries = 100; ; tries--) {
    const line = tcpLine({ host: '127.0.0.1', port, connectWithinMs: 1_000 });
    const isOpen = await line.open().then(
      () => true,
      () => false,
    );
    await line.close();
    if (isOpen) return;
    if (tries === 0) throw new Error('the pymodbus server does not listen');
    await delay(100);
  }
}

// Its types tell of an export that Node does not see.
type Client = InstanceType<typeof modbusSerial.default>;
type TcpServer = typeof modbusSerial.ServerTCP;
const ModbusSerial = createRequire(import.meta.url)('modbus-serial') as (new () => Client) & { ServerTCP: TcpServer };

test('our driver reads modbus-serial over TCP: registers, bits, and an archive behind a selector', async () => {
  const port = await freePort();
  const written: [number, number][] = [];
  const vector = {
    getCoil: (address: number) => CELLS.coil[address] === 1,
    getDiscreteInput: (address: number) => CELLS.discrete[address] === 1,
    getHoldingRegister: (address: number) => CELLS.holding[address] ?? 0,
    getInputRegister: (address: number) => CELLS.input[address] ?? 0,
    setRegister: (address: number, value: number): void => {
      written.push([address, value]);
    },
  };
  const server = new ModbusSerial.ServerTCP(vector, { host: '127.0.0.1', port, unitID: UNIT });
  tidy.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  await listening(port);
  expect(told(await read(port, 'modbus-tcp', CURRENT))).toEqual(NOW_VALUES);
  expect(written).toEqual([]);
  expect(told(await read(port, 'modbus-tcp', ARCHIVE))).toEqual(STORED_VALUES);
  expect(written).toEqual([[SELECTOR, 0xffff]]);
});

describe('modbus-serial asks our simulated meter', () => {
  test.each(['modbus-tcp', 'modbus-rtu'] as const)('%s: functions 1 to 4, 6 and 16', async (framing) => {
    const { port, written } = await simulated(framing);
    const client = new ModbusSerial();
    client.setID(UNIT);
    client.setTimeout(2_000);
    tidy.push(() => new Promise<void>((resolve) => client.close(() => resolve())));
    await (framing === 'modbus-tcp'
      ? client.connectTCP('127.0.0.1', { port })
      : client.connectTelnet('127.0.0.1', { port }));
    expect((await client.readCoils(3, 2)).data.slice(0, 2)).toEqual([true, false]);
    expect((await client.readDiscreteInputs(9, 2)).data.slice(0, 2)).toEqual([false, true]);
    expect((await client.readHoldingRegisters(10, 2)).data).toEqual([0x0012, 0xd687]);
    expect((await client.readInputRegisters(20, 1)).data).toEqual([0xfb2e]);
    await client.writeRegister(SELECTOR, 5);
    await client.writeRegisters(SELECTOR, [6]);
    expect(written).toEqual([
      [SELECTOR, 5],
      [SELECTOR, 6],
    ]);
    await expect(client.writeRegister(10, 1)).rejects.toThrow('Illegal data address');
    await expect(client.readHoldingRegisters(5_000, 1)).rejects.toThrow('Illegal data address');
  });
});

const hasLibmodbus = spawnSync(PYTHON, ['-c', 'import ctypes; ctypes.CDLL("libmodbus.so.5")']).status === 0;

describe.skipIf(!hasLibmodbus)(
  'libmodbus asks our simulated meter (skipped where Debian package libmodbus5 is not installed)',
  () => {
    const CALLS = [
      ['coil', 3, 2],
      ['discrete', 9, 2],
      ['holding', 10, 2],
      ['input', 20, 1],
      ['write', SELECTOR, 5],
      ['write-many', SELECTOR, [6]],
      ['write', 10, 1],
      ['holding', 5_000, 1],
    ];
    const TOLD = [[1, 0], [0, 1], [0x0012, 0xd687], [0xfb2e], [5], [6], 'Illegal data address', 'Illegal data address'];
    const WRITTEN = [
      [SELECTOR, 5],
      [SELECTOR, 6],
    ];
    const asked = async (kind: 'rtu' | 'tcp', where: string): Promise<unknown> => {
      const script = join(import.meta.dirname, '../peers/libmodbus_master.py');
      const { stdout } = await run(PYTHON, [script, kind, where, String(UNIT), JSON.stringify(CALLS)]);
      return JSON.parse(stdout);
    };

    test('over TCP: functions 1 to 4, 6 and 16, and exceptions', async () => {
      const { port, written } = await simulated('modbus-tcp');
      expect(await asked('tcp', String(port))).toEqual(TOLD);
      expect(written).toEqual(WRITTEN);
    });

    test.skipIf(!hasProgram('socat'))(
      'over RTU on a serial port: functions 1 to 4, 6 and 16, and exceptions (skipped where socat is missing)',
      async () => {
        const { port, written } = await simulated('modbus-rtu');
        const pty = await ptyPort(port);
        tidy.push(() => pty.remove());
        expect(await asked('rtu', pty.path)).toEqual(TOLD);
        expect(written).toEqual(WRITTEN);
      },
      20_000,
    );
  },
);

/** The simulated meter on a loopback socket. */
async function simulated(framing: 'modbus-tcp' | 'modbus-rtu') {
  const written: [number, number][] = [];
  const image: RegisterImage = {
    read(table, first, count) {
      const words = Array.from({ length: count }, (_, n) => CELLS[table][first + n]);
      return words.every((word) => word !== undefined) ? words : undefined;
    },
    write(address, value) {
      if (address === SELECTOR) written.push([address, value]);
      return address === SELECTOR;
    },
  };
  const meter = modbusMeter({ unit: UNIT, framing, image });
  const server: Server = createServer((socket) => {
    socket.on('data', (bytes) => {
      const answer = meter(bytes, NOW);
      if (answer) socket.write(answer);
    });
    socket.on('error', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  tidy.push(async () => server.close());
  const { port } = server.address() as AddressInfo;
  return { port, written };
}
