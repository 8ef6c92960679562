import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { createModbusDriver } from '../../../drivers/modbus/index.ts';
import { createBus } from '../../collect/bus.ts';
import { checkSite } from '../../device/parse.ts';
import { changed, libraryOf, SITE } from '../../device/site.testkit.ts';
import { hostClock } from '../../host/clock.ts';
import { openLevelStore } from '../../host/store-level.ts';
import { modbusMeter } from '../../sim/meter/modbus-meter.ts';
import { SILENT } from '../app.testkit.ts';
import { serveControl } from '../control.ts';
import type { Gateway } from '../gateway.ts';
import type { LoadedSite } from '../site-files.ts';
import { STORE_FOLDER, stateFolder } from '../state.ts';
import { hostLine, lineConfigOf, lockOf } from './line.ts';
import { readLive } from './read.ts';
import { readHandler } from './serve.ts';

/** `odecet read`: by itself, through a gateway that runs, and refused where it cannot ask the one that does. */

const clock = hostClock();
const signal = new AbortController().signal;
const tidy: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const each of tidy.splice(0).reverse()) await each();
});

/** A site whose corrector is a simulated meter on a loopback socket: 65,537 m3. Also how many connections the meter saw. */
async function site(): Promise<{ loaded: LoadedSite; connections: () => number }> {
  const image = { read: (_: string, __: number, count: number) => Array<number>(count).fill(1), write: () => false };
  const meter = modbusMeter({ unit: 1, framing: 'modbus-tcp', image });
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('data', (bytes) => {
      const answer = meter(bytes, 0);
      if (answer) socket.write(answer);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  tidy.push(async () => server.close());
  const folder = await mkdtemp(join(tmpdir(), 'odecet-field-'));
  tidy.push(() => rm(folder, { recursive: true }));
  const { port } = server.address() as AddressInfo;
  const text = changed(SITE, ['host: 192.0.2.1\n    port: 502', `host: 127.0.0.1\n    port: ${port}`]);
  const checked = checkSite(text, 'site.yaml', libraryOf());
  if (!checked.ok) throw new Error('the site of the test is not sound');
  const loaded = { ...checked.value, file: 'site.yaml', folder, hash: '', packs: new Map(), warnings: [] };
  return { loaded, connections: () => connections };
}

const VALUES = [{ quantity: 'volume.base.total', value: '65537', unit: 'm3', at: 'now', raw: '00010001' }];

test('without a gateway the line is opened here, and what passed is told', async () => {
  const { loaded } = await site();
  const reading = await readLive(loaded, 'corrector', clock, signal);
  expect(reading).toMatchObject({ device: 'corrector', values: VALUES, unusable: [] });
  expect(reading.passed.map(({ way }) => way)).toEqual(['sent', 'received']);
  expect(reading.passed[1]?.hex).toMatch(/0304000100 ?01$/);
});

test('a gateway that runs is asked, and reads on its own line', async () => {
  const { loaded, connections } = await site();
  await mkdir(stateFolder(loaded), { recursive: true });
  const config = lineConfigOf(loaded, 'gas-line');
  const own = createBus(await hostLine(config), clock, {}, { opens: 0, bytesSent: 0, bytesReceived: 0 });
  await own.open(signal);
  tidy.push(() => own.close());
  const ask: Gateway['ask'] = async (line, work) => {
    expect(line).toBe('gas-line');
    return work(own, signal);
  };
  const drivers = new Map([['modbus', createModbusDriver()]]);
  const read = readHandler({ ask, drivers }, loaded.devices, clock);
  const control = await serveControl(stateFolder(loaded), { read }, SILENT);
  tidy.push(() => control.close());
  expect(await readLive(loaded, 'corrector', clock, signal)).toMatchObject({ device: 'corrector', values: VALUES });
  expect(connections()).toBe(1);
});

test.each(['at once', 'later'])('a question to a gateway that has no time can be given up %s', async (when) => {
  const { loaded } = await site();
  let heard = () => {};
  const isAsked = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const busy = () => {
    heard();
    return new Promise(() => {});
  };
  await mkdir(stateFolder(loaded), { recursive: true });
  const control = await serveControl(stateFolder(loaded), { read: busy }, SILENT);
  tidy.push(() => control.close());
  const stop = new AbortController();
  const reading = readLive(loaded, 'corrector', clock, stop.signal);
  if (when === 'later') await isAsked;
  stop.abort(new Error('stopped'));
  await expect(reading).rejects.toThrow('stopped');
});

test('a line that another has is not touched, and the other is named', async () => {
  const { loaded, connections } = await site();
  const lock = lockOf(lineConfigOf(loaded, 'gas-line'), '`odecet scan gas-line`', 'wait');
  await lock.take();
  tidy.push(() => lock.release());
  await expect(readLive(loaded, 'corrector', clock, signal)).rejects.toMatchObject({
    failure: { code: 'line-in-use', detail: expect.stringContaining('`odecet scan gas-line`') },
  });
  expect(connections()).toBe(0);
  await lock.release();
  expect(await readLive(loaded, 'corrector', clock, signal)).toMatchObject({ values: VALUES });
  await lock.take();
});

test('a store that is open somewhere is not looked at: it is no line', async () => {
  const { loaded } = await site();
  const store = await openLevelStore({ folder: join(stateFolder(loaded), STORE_FOLDER), create: true });
  tidy.push(() => store.close());
  expect(await readLive(loaded, 'corrector', clock, signal)).toMatchObject({ values: VALUES });
});

test('the values of a meter with another number than the site file names are shown, with what is wrong', async () => {
  const { loaded } = await site();
  const known = loaded.devices.get('corrector')!;
  const identity = { modbus: { ...known.model.readings[0]!.modbus!, type: 'u16' as const } };
  const read = (serial: string) => {
    const device = { ...known, config: { ...known.config, serial }, model: { ...known.model, identity } };
    return readLive({ ...loaded, devices: new Map([['corrector', device]]) }, 'corrector', clock, signal);
  };
  expect(await read('2')).toMatchObject({ values: VALUES, serial: '1', error: { code: 'identity-mismatch' } });
  expect(await read('1')).toMatchObject({ values: VALUES, serial: '1' });
  expect(await read('1')).not.toHaveProperty('error');
});

test('a device that there is not, and a meter that does not answer, are told', async () => {
  const { loaded } = await site();
  await expect(readLive(loaded, 'corector', clock, signal)).rejects.toMatchObject({ failure: { code: 'usage' } });
  const other = loaded.devices.get('corrector')!;
  const config = { ...other.config, address: 9, replyTimeoutMs: 50 };
  const devices = new Map([['corrector', { ...other, config }]]);
  const reading = await readLive({ ...loaded, devices }, 'corrector', clock, signal);
  expect(reading).toMatchObject({ values: [], error: { code: 'no-answer' }, passed: [{ way: 'sent' }] });
});
