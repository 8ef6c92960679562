import { spawnSync } from 'node:child_process';
import { createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cuttableWire } from '../scripts/rehearsal/cut.ts';
import { aReading, bench, GAS, SILENT } from '../src/app/app.testkit.ts';
import { type Codec, loadCodec } from '../src/app/sparkplug/codec.ts';
import type { BornDevice } from '../src/app/sparkplug/metrics.ts';
import { runSparkplug } from '../src/app/sparkplug/node.ts';
import type { Buffer } from '../src/buffer/index.ts';
import type { DeviceStatus } from '../src/collect/round.ts';
import { parseDecimal } from '../src/core/decimal.ts';
import type { Interval } from '../src/core/interval.ts';
import { HOUR_MS, MINUTE_MS } from '../src/core/time.ts';
import { type EmbeddedBroker, startEmbeddedBroker } from '../src/host/broker-embedded.ts';
import { mqttBroker } from '../src/host/broker-mqtt.ts';
import { hostClock } from '../src/host/clock.ts';
import { hostEntropy } from '../src/host/entropy.ts';
import type { BrokerSession, Delivered } from '../src/machine/broker.ts';

/** The publisher on a real broker (aedes); what it says is read by Google's protobuf for Python, which shares no code with it. */
const NOW = Date.UTC(2026, 2, 11, 8, 30);
const clock = { ...hostClock(), now: () => NOW };
/** Debian's own: its packages are not seen by another one on the path. */
const PYTHON = '/usr/bin/python3';
const PEER = fileURLToPath(new URL('./peers/sparkplug.py', import.meta.url));
const hasPeer = spawnSync(PYTHON, ['-c', 'import google.protobuf']).status === 0;
const DEVICES: readonly BornDevice[] = [
  { device: 'meter', quantities: ['volume.base.total', 'pressure'], profiles: [{ point: GAS, channel: 'volume' }] },
  { device: 'dead', quantities: ['temperature'], profiles: [] },
];

interface Told {
  readonly topic: string;
  readonly payload: Payload;
}

interface Payload {
  readonly seq?: number;
  readonly timestamp: number;
  readonly metrics?: readonly PlainMetric[];
}

/** As the independent decoder gives it: only what is set. */
interface PlainMetric {
  readonly name: string;
  readonly datatype: number;
  readonly timestamp: number;
  readonly is_historical?: boolean;
  readonly is_null?: boolean;
  readonly double_value?: number;
  readonly long_value?: number;
  readonly properties?: { readonly keys: string[]; readonly values: { int_value?: number; string_value?: string }[] };
}

let broker: EmbeddedBroker;
let codec: Codec;
let buffer: Buffer;
let stop: AbortController;
let heard: Delivered[];
let host: BrokerSession;
let failuresInRow: number;
let births: number;

beforeEach(async () => {
  const everything = () => true;
  const rights = { isKnown: everything, maySay: everything, mayHear: everything };
  broker = await startEmbeddedBroker({ host: '127.0.0.1', port: 0, rights });
  codec = await loadCodec();
  ({ buffer } = await bench(NOW));
  stop = new AbortController();
  heard = [];
  failuresInRow = 0;
  births = 6;
  host = await at(broker.port).connect({
    clientId: 'host',
    clean: true,
    subscriptions: ['spBv1.0/#'],
    onMessage: async (delivered) => void heard.push(delivered),
  });
});
afterEach(async () => {
  stop.abort();
  await host.close();
  await broker.close();
});

const at = (port: number) =>
  mqttBroker({ url: `mqtt://127.0.0.1:${port}`, protocolVersion: 4, username: 'any', password: 'any' });

function start(port = broker.port): Promise<void> {
  const status = (device: string, failures: number): DeviceStatus => ({
    device,
    line: 'line',
    reads: 1,
    failures: {},
    failuresInRow: failures,
  });
  return runSparkplug(
    {
      group: 'odecet',
      node: 'boiler-house',
      version: '1.2.3',
      broker: at(port),
      codec,
      devices: DEVICES,
      buffer,
      status: () => ({ devices: [status('meter', failuresInRow), status('dead', 9)], lines: [], roundsWaiting: 0 }),
      nextBirth: async () => {
        births += 1;
        return births;
      },
      clock,
      entropy: hostEntropy(),
      log: SILENT,
    },
    stop.signal,
  );
}

const kinds = () => heard.map(({ topic }) => topic.replace('spBv1.0/odecet/', '').replace('/boiler-house', ''));
const until = (count: number) => expect.poll(() => kinds().length, { timeout: 5_000 }).toBe(count);

/** Everything heard, read by the independent decoder. */
function told(): Told[] {
  const input = heard.map(({ payload }) => `${hex(payload)}\n`).join('');
  const { stdout, stderr, status } = spawnSync(PYTHON, [PEER], { input, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  const payloads = stdout.trim().split('\n');
  return heard.map(({ topic }, n) => ({ topic, payload: JSON.parse(payloads[n]!) as Payload }));
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function property({ properties }: PlainMetric, key: string): number | string | undefined {
  const value = properties?.values[properties.keys.indexOf(key)];
  return value?.int_value ?? value?.string_value ?? (value ? 0 : undefined);
}

const interval = (start: number, quality: Interval['quality'], version: number): Interval => ({
  point: GAS,
  channel: 'volume',
  start,
  end: start + HOUR_MS,
  value: parseDecimal('12.5'),
  unit: 'm3',
  quality,
  findings: [],
  version,
  madeAt: NOW,
  origins: [],
});

test.skipIf(!hasPeer)(
  'birth, data, historical data, rebirth and death, with numbers that go on (skipped where Debian package python3-protobuf is not installed)',
  async () => {
    await buffer.keepRound([aReading(NOW - 10 * MINUTE_MS, '100.125')]);
    const running = start();
    await until(2);
    await buffer.keepRound([aReading(NOW - 5 * MINUTE_MS, '101', { flags: ['alarm'] })]);
    await until(3);
    await buffer.keepRound([aReading(NOW - 2 * HOUR_MS, '90')]);
    await buffer.keepIntervals([interval(NOW - 90 * MINUTE_MS, 'measured', 1)]);
    await until(5);
    await buffer.keepIntervals([interval(NOW - 90 * MINUTE_MS, 'estimated', 2)]);
    await until(6);
    const command = (metrics: Parameters<Codec['encode']>[0]['metrics']) =>
      host.publish({ topic: 'spBv1.0/odecet/NCMD/boiler-house', payload: codec.encode({ timestamp: NOW, metrics }) });
    await command([{ name: 'volume.base.total', type: 'Double', value: 5, timestamp: NOW }]);
    await command([{ name: 'Node Control/Rebirth', type: 'Boolean', value: true, timestamp: NOW }]);
    await until(10);
    stop.abort();
    await running;
    await until(11);

    expect(kinds().filter((kind) => kind !== 'NCMD')).toEqual([
      'NBIRTH',
      'DBIRTH/meter',
      'DDATA/meter',
      'DDATA/meter',
      'DDATA/meter',
      'DDATA/meter',
      'NBIRTH',
      'DBIRTH/meter',
      'NDEATH',
    ]);
    const said = told().filter(({ topic }) => !topic.includes('NCMD'));
    expect(said.map(({ payload }) => payload.seq ?? 'none')).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 'none']);
    const [nbirth, dbirth, news, late, profile, corrected, rebirth, , death] = said.map(({ payload }) => payload);
    const named = (payload: Payload | undefined, name: string) => payload!.metrics!.find((each) => each.name === name)!;
    for (const payload of [nbirth, rebirth, death]) expect(named(payload, 'bdSeq').long_value).toBe(7);
    expect(named(dbirth, 'volume.base.total')).toMatchObject({
      double_value: 100.125,
      timestamp: NOW - 10 * MINUTE_MS,
    });
    expect(property(named(dbirth, 'volume.base.total'), 'Quality')).toBe(192);
    expect(property(named(dbirth, 'volume.base.total'), 'engUnit')).toBe('m3');
    expect(named(dbirth, 'pressure')).toMatchObject({ is_null: true, datatype: 10 });
    expect(property(named(dbirth, 'pressure'), 'Quality')).toBe(500);
    expect(named(news, 'volume.base.total')).toMatchObject({ double_value: 101 });
    expect(news!.metrics![0]!.is_historical ?? false).toBe(false);
    expect(property(news!.metrics![0]!, 'Quality')).toBe(0);
    expect(late!.metrics![0]).toMatchObject({ double_value: 90, is_historical: true });
    expect(property(named(profile, `profile/${GAS}/volume`), 'intervalQuality')).toBe('measured');
    expect(named(profile, `profile/${GAS}/volume`).is_historical ?? false).toBe(false);
    expect(corrected!.metrics![0]).toMatchObject({ double_value: 12.5, is_historical: true });
    expect(property(corrected!.metrics![0]!, 'Quality')).toBe(0);
  },
);

test('a node that is lost is said to be dead by the broker, with the number of its birth; the next birth has another', async () => {
  const proxy = await cuttableWire(broker.port);
  const running = start(proxy.port);
  await until(2);
  proxy.cut();
  proxy.mend();
  await until(5);
  const dead = heard.filter(({ topic }) => topic.includes('NDEATH'));
  const born = heard.filter(({ topic }) => topic.includes('NBIRTH'));
  const number = ({ payload }: Delivered) =>
    String(codec.commands(payload).find(({ name }) => name === 'bdSeq')?.value);
  expect(dead.map(number)).toEqual(['7']);
  expect(born.map(number)).toEqual(['7', '8']);
  stop.abort();
  await running;
  await proxy.close();
});

test('a device that fails again and again is said to be dead, and born again when it answers', async () => {
  const running = start();
  await until(2);
  failuresInRow = 3;
  await buffer.keepRound([aReading(NOW - 9 * MINUTE_MS, '100')]);
  await until(3);
  failuresInRow = 0;
  await buffer.keepRound([aReading(NOW - 8 * MINUTE_MS, '101')]);
  await until(5);
  expect(kinds()).toEqual(['NBIRTH', 'DBIRTH/meter', 'DDEATH/meter', 'DBIRTH/meter', 'DDATA/meter']);
  stop.abort();
  await running;
});

test('a broker that greets and then hangs keeps nobody from writing or from reading what was written', async () => {
  const sockets = new Set<Socket>();
  const hanging = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    // CONNACK; then it reads no more.
    socket.once('data', () => {
      socket.write(Uint8Array.from([0x20, 2, 0, 0]));
      socket.pause();
    });
  });
  const port = await listening(hanging);
  let isOver = false;
  const running = start(port).finally(() => {
    isOver = true;
  });
  running.catch(() => undefined);
  await expect.poll(() => sockets.size, { timeout: 5_000 }).toBe(1);
  for (let n = 0; n < 500; n++) await buffer.keepRound([aReading(NOW - HOUR_MS + n * 1_000, String(100 + n))]);
  expect(buffer.entries('readings')).toBe(500);
  expect(await buffer.outbox.heads()).toEqual([]);
  expect(isOver).toBe(false);
  stop.abort();
  for (const socket of sockets) socket.destroy();
  await running;
  hanging.close();
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}
