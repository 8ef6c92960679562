import { createRequire } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import type modbusSerial from 'modbus-serial';
import { describe, expect, test } from 'vitest';
import { createModbusDriver, rtuFrame } from '../../drivers/modbus/index.ts';
import { type DialogueOutcome, runDialogue } from '../../src/collect/dialogue.ts';
import { decimalText } from '../../src/core/decimal.ts';
import type { BoundDevice } from '../../src/device/bound.ts';
import { deviceModelSchema } from '../../src/device/model.ts';
import { deviceSchema } from '../../src/device/site.ts';
import { hostClock } from '../../src/host/clock.ts';
import { serialLine } from '../../src/host/line-serial.ts';
import { tcpLine } from '../../src/host/line-tcp.ts';
import type { Line } from '../../src/machine/line.ts';
import { hasProgram, ptyPort } from '../kit/pty.ts';

// Its types tell of an export that Node does not see.
type Client = InstanceType<typeof modbusSerial.default>;
const ModbusRTU = createRequire(import.meta.url)('modbus-serial') as new () => Client;

/**
 * A meter on RTU answers one request too late, then answers 200 requests in time. Register n holds n, and every read asks
 * another register, so a value tells which request it belongs to. The same meter for us and for the usual client library.
 */
const READS = 200;
const TIMEOUT_MS = 100;
const LATE_MS = TIMEOUT_MS + 50;
const UNIT = 1;
const SETTING = { baud: 115_200, dataBits: 8, parity: 'none', stopBits: 1 } as const;

interface Tally {
  readonly right: number;
  readonly wrong: number;
  readonly failed: number;
}

describe('one late answer, then 200 reads without a pause', () => {
  test('RTU over TCP', async () => {
    const meter = await startLateMeter();
    const ours = await weRead(tcpLine({ host: '127.0.0.1', port: meter.port, connectWithinMs: 2_000 }));
    meter.beLateOnce();
    // RTU over TCP is what modbus-serial calls "telnet".
    const theirs = await modbusSerialReads((client) => client.connectTelnet('127.0.0.1', { port: meter.port }));
    await meter.stop();
    judge('RTU over TCP', ours, theirs);
  }, 60_000);

  test.skipIf(!hasProgram('socat'))(
    'RTU on a serial port (skipped where Debian package socat is not installed)',
    async () => {
      const meter = await startLateMeter();
      const port = await ptyPort(meter.port);
      const ours = await weRead(serialLine({ path: port.path, setting: SETTING, rts: 'high', lowLatency: true }));
      meter.beLateOnce();
      const theirs = await modbusSerialReads((client) =>
        client.connectRTUBuffered(port.path, { baudRate: SETTING.baud }),
      );
      await port.remove();
      await meter.stop();
      judge('RTU on a pty', ours, theirs);
    },
    60_000,
  );
});

function judge(where: string, ours: Tally, theirs: Tally): void {
  const told = (who: string, { right, wrong, failed }: Tally) =>
    `${where}, ${who}: ${right} right, ${wrong} wrong, ${failed} failed of ${READS}`;
  process.stdout.write(`${told('odecet', ours)}\n${told('modbus-serial', theirs)}\n`);
  expect(ours).toEqual({ right: READS, wrong: 0, failed: 0 });
  // Or else the meter was not late enough for the test to show anything.
  expect(theirs.wrong).toBeGreaterThan(0);
}

async function weRead(line: Line): Promise<Tally> {
  const clock = hostClock();
  const driver = createModbusDriver();
  const { signal } = new AbortController();
  const tally = { right: 0, wrong: 0, failed: 0 };
  const rules = {
    gapTimeoutMs: 50,
    pauseMs: 0,
    dialogueLimitMs: 5_000,
    lateAnswerMs: TIMEOUT_MS,
    reopenAfterTimeout: true,
  };
  const read = async (register: number): Promise<DialogueOutcome> => {
    await line.open();
    const session = driver.session(deviceAt(register), { want: 'current', now: clock.now() });
    return runDialogue(line, clock, session, rules, signal);
  };
  expect(await read(0)).toMatchObject({ ok: false, failure: { code: 'no-answer' } });
  for (let register = 1; register <= READS; register++) {
    const end = await read(register);
    if (!end.ok) tally.failed += 1;
    else if (decimalText(end.result.values[0]!.value) === String(register)) tally.right += 1;
    else tally.wrong += 1;
  }
  await line.close();
  return tally;
}

async function modbusSerialReads(connect: (client: Client) => Promise<void>): Promise<Tally> {
  const client = new ModbusRTU();
  await connect(client);
  client.setID(UNIT);
  client.setTimeout(TIMEOUT_MS);
  await expect(client.readHoldingRegisters(0, 1)).rejects.toThrow();
  const tally = { right: 0, wrong: 0, failed: 0 };
  for (let register = 1; register <= READS; register++) {
    try {
      const { data } = await client.readHoldingRegisters(register, 1);
      if (data[0] === register) tally.right += 1;
      else tally.wrong += 1;
    } catch {
      tally.failed += 1;
    }
  }
  await new Promise<void>((resolve) => client.close(() => resolve()));
  return tally;
}

/** A device whose only value is this register. */
function deviceAt(register: number): BoundDevice {
  const value = { quantity: 'energy.active.import', unit: 'kWh' };
  const made = { source: 'made by hand', now: '' };
  const model = deviceModelSchema.parse({
    maker: 'Test',
    model: 'Meter',
    medium: 'electricity',
    protocol: 'modbus',
    hardwareTested: false,
    source: made.source,
    replyTimeoutMs: TIMEOUT_MS,
    gapTimeoutMs: 50,
    readings: [{ ...value, kind: 'counter', modbus: { table: 'holding', address: register, type: 'u16' } }],
    tests: [{ name: 'none', ...made, expect: [{ ...value, value: '0' }] }],
  });
  const config = deviceSchema.parse({ id: 'meter', model: 'test/meter', line: 'bus', address: UNIT });
  return { config, model, framing: 'modbus-rtu', zone: 'Europe/Prague' };
}

/**
 * As on a bus behind a converter: requests are answered one after the other, each answer goes to whoever is connected when it
 * comes. The first answer, and one more at every word, comes too late.
 */
async function startLateMeter() {
  let lateLeft = 1;
  let busyUntil = 0;
  let connected: Socket | undefined;
  const sockets = new Set<Socket>();
  const answer = (request: Uint8Array) => {
    const register = (request[2]! << 8) | request[3]!;
    const afterMs = lateLeft > 0 ? LATE_MS : 1;
    lateLeft = 0;
    busyUntil = Math.max(busyUntil, performance.now()) + afterMs;
    const reply = rtuFrame(UNIT, Uint8Array.of(3, 2, register >> 8, register & 0xff));
    setTimeout(() => connected?.writable && connected.write(reply), busyUntil - performance.now());
  };
  const server: Server = createServer((socket) => {
    connected = socket;
    sockets.add(socket);
    let pending = Buffer.alloc(0);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      pending = Buffer.concat([pending, bytes]);
      for (; pending.length >= 8; pending = pending.subarray(8)) answer(pending.subarray(0, 8));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    beLateOnce() {
      lateLeft = 1;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
